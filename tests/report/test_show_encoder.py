"""The encoder's card, as notebook 10 shows it, and what it holds of the published study."""

from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.paths import project_root
from ganinv.report.show_encoder import card_table
from ganinv.weights.manifest import weight_path

CARD = weight_path("domain-ffhq").with_suffix(".json")


def test_the_card_tells_of_portraits_with_intervals():
    card = read_json(CARD)
    mean, low, high = card["portraits"]["starts"]["encoder"]["lpips_vgg"].values()
    text = card_table(card)
    assert f"LPIPS-vgg {mean:.3f} ({low:.3f} to {high:.3f}), mean of W" in text
    assert "20, none seen in training" in text
    del card["portraits"]
    assert "none seen" not in card_table(card), "of an encoder that was just trained"


def test_the_cards_portraits_are_those_of_the_published_study():
    found = read_json(CARD)["portraits"]
    study = read_json(project_root() / "reports" / "published" / "starts.json")
    assert found["count"] == len(study["photographs"]) and found["commit"] == study["commit"]
    for start, recipe in study["recipes"].items():
        for metric in METRICS:
            figures = [found["starts"][start][metric][key] for key in ("mean", "low", "high")]
            assert figures == [recipe["mean"][metric], *recipe["interval"][metric]]
    assert found["better_on"] == {one["metric"]: one["wins"] for one in study["comparisons"]}
