# Two commands do everything: `make report` and `make test`. Both set up what is missing first.
PYTHON ?= python3
# another generator for the report, a name in the manifest or a file: make report GENERATOR=my.pkl
GENERATOR ?=
# and the encoder that Exp-04 starts from with it: make report GENERATOR=stylegan2-ffhq ENCODER=e4e-ffhq
ENCODER ?=
# the project's address, where it is not that of git's remote: make address REPOSITORY=https://…
REPOSITORY ?=
# what `make app` hands to voila: make app APP="--port 8000 --no-browser"
APP ?=
# the page holds what has buttons; cells that show code are left out, so that it is there at once.
# A kernel that is ended in a search has time to save its best
PAGE := --TagRemovePreprocessor.enabled=True --TagRemovePreprocessor.remove_cell_tags=by-code \
    --KernelManager.shutdown_wait_time=120
BIN := .venv/bin
READY := .venv/.ready
# where weights and samples lie: here, unless GANINV_HOME names another folder
PLACE := $(or $(GANINV_HOME),.)
WEIGHTS := $(addprefix $(PLACE)/checkpoints/,ffhq-student.safetensors lpips-alex.safetensors lpips-vgg.safetensors)
SAMPLES := $(PLACE)/data/samples/control.png
FETCH_GENERATOR = $(if $(GENERATOR),@test -f "$(GENERATOR)" || $(BIN)/ganinv weights fetch "$(GENERATOR)")
FETCH_ENCODER = $(if $(ENCODER),@test -f "$(ENCODER)" || $(BIN)/ganinv weights fetch "$(ENCODER)")
SET_GENERATOR = $(if $(GENERATOR),--set "generator=$(GENERATOR)") $(if $(ENCODER),--set "encoder=$(ENCODER)")
# tried in a copy, so that results of your own in notebooks/runs/ stay; in the order of their
# numbers, since the comparison reads what the four before it left
NOTEBOOKS := $(patsubst notebooks/%,.nbval/%,$(sort $(wildcard notebooks/*.ipynb)))

# checks pages in a browser; fetched into .browser/, which git ignores
AXE := axe-core@4.10.3

# portraits of the repository that judge refinements and edits
EVIDENCE = 014 030 050 069 078 081 082 098
comma := ,
empty :=
space := $(empty) $(empty)
EVIDENCE_IMAGES = $(subst $(space),$(comma),$(addprefix sample:portrait-,$(EVIDENCE)))

.PHONY: help setup report evidence study gan quick app address browser test lint clean lock publish publish-evidence publish-study publish-gan figures published-check encoder
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup: $(READY) $(WEIGHTS) $(SAMPLES)  ## make .venv, fetch the weights and the sample photographs

report: setup  ## run the experiments in full and write reports/index.html
	$(FETCH_GENERATOR)
	$(FETCH_ENCODER)
	$(BIN)/ganinv report --out reports $(SET_GENERATOR)

evidence: setup  ## make the pages that judge over eight portraits, into reports/evidence/ (hours; goes on where it stopped)
	$(BIN)/ganinv report --only beyond,editing --set "images=[$(EVIDENCE_IMAGES)]" --out reports/evidence

app: setup  ## serve the quickstart as a page, for people without Jupyter (it opens in the browser)
	$(BIN)/voila notebooks/quickstart.ipynb $(PAGE) $(APP)

address: $(READY)  ## write the address of git's remote, or REPOSITORY=https://…, into the quickstart
	$(BIN)/python -m ganinv.report.address $(REPOSITORY)

study: setup  ## compare recipes over photographs and restarts, into runs/study/ (hours; goes on where it stopped)
	$(BIN)/ganinv study --params params/starts.yaml
	$(BIN)/ganinv study --params params/restarts.yaml
	$(BIN)/ganinv study --params params/study.yaml
	$(BIN)/ganinv study --params params/nearer.yaml
	$(BIN)/ganinv study --params params/sooner.yaml

gan: setup  ## train small GANs, compare and invert them, into reports/gan/ (a day on one core; the same call goes on)
	$(BIN)/ganinv gan-report --out reports/gan

quick: setup  ## the same pipeline on one photograph at a tenth of the steps, into reports/quick/
	$(FETCH_GENERATOR)
	$(FETCH_ENCODER)
	$(BIN)/ganinv report --quick --out reports/quick $(SET_GENERATOR)

browser:  ## fetch what checks pages in a browser, where npm is (the browser is Debian's chromium)
	@test -f .browser/node_modules/axe-core/axe.min.js || { command -v npm >/dev/null && \
	    npm install --silent --no-save --prefix .browser $(AXE); } || \
	    echo "notice: $(AXE) was not fetched (is npm installed?); tests that need it are skipped"

test: setup browser  ## run the tests, and every notebook at its quick defaults
	$(BIN)/python -m pytest tests -n auto
	rm -rf .nbval && cp -R notebooks .nbval && rm -rf .nbval/runs
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout 600 $(NOTEBOOKS)
	rm -rf .nbval

lint: $(READY)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove .venv, reports and runs; weights and samples stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis ganinv.egg-info build dist .nbval runs notebooks/runs reports/runs reports/notebooks reports/quick
	rm -rf reports/figures
	rm -rf reports/gan reports/evidence
	rm -f reports/*.html reports/overview.jpg

lock: $(READY)  ## pin the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra jupyter --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --upgrade --output-file requirements.lock

publish:  ## copy the last full report to reports/published/, without the pages of `make evidence`
	$(BIN)/python -m ganinv.report.publish report

publish-evidence:  ## copy the pages of `make evidence`, and what they found, to reports/published/
	$(BIN)/python -m ganinv.report.publish evidence

publish-study:  ## copy the study to reports/published/, from where the next one takes its results
	$(BIN)/python -m ganinv.report.publish study

publish-gan:  ## copy the last report on small GANs, and its trainings' results, to reports/published/gan/
	$(BIN)/python -m ganinv.report.publish gan

figures:  ## write the published files' figures into the READMEs
	$(BIN)/python -m ganinv.report.published figures

published-check: setup  ## compare every number in READMEs and published pages with the files beside them
	$(BIN)/python -m ganinv.report.published

encoder: setup  ## train the domain-guided encoder and publish it in checkpoints/ (its sha256 goes into the manifest)
	$(BIN)/ganinv train-encoder --params params/encoder.yaml --publish

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "ganinv needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet $$(grep -o '^uv==[0-9.]*' requirements.lock)
	$(BIN)/uv pip sync --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

$(PLACE)/checkpoints/%.safetensors: | $(READY)
	$(BIN)/ganinv weights fetch $*

$(SAMPLES): data/samples.yaml | $(READY) $(WEIGHTS)
	$(BIN)/ganinv data fetch
	touch $@
