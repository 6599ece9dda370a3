"""The tables of many photographs say what was measured and what the model computes."""

import re

from ganinv.bench.capacity import model
from ganinv.bench.stand_ins import SECONDS
from ganinv.report.show_many import many_tables

STAGE = dict(images=10, seconds_per_image=0.0123, cpu_seconds_per_image=0.0045)
STAGE |= dict(peak_mb=510.0, before_mb=500.0, calls={"open": 50})
KEPT = dict(seconds=0.5, png_seconds=0.1234, bytes=2e6, files=["a", "b"], seconds_per_step=0.1)
ENGINE = dict(images_per_hour=7200.0, overhead_seconds=0.0321, start_seconds=9.0)


def test_tables_show_the_parts_and_the_model():
    result = dict(
        stand_in_seconds=SECONDS,
        records=[STAGE | dict(stage=stage) for stage in ("done", "collected", "shown")],
        growth={"done": {"bytes": 1000.0}},
        keep=[KEPT | dict(keep="pictures")],
        engines=[ENGINE | dict(engine="ray", workers=1)],
        files=dict(names_per_second=1000.0, files_per_second=250.0, bytes_per_second=1e8),
    )
    result["model"] = model(result, steps=95, memory=1e10)
    text = many_tables(result)
    for shown in ("12.30", "4.50", "0.123", "2.00", "7,200", "32.1", "the driver&#x27;s time"):
        assert f">{shown}<" in text
    assert "100 workers, 1,000,000 photographs of 95 steps" in text
    groups = [
        re.sub("<[^>]*>", "", name) for name in re.findall(r'rowgroup"[^>]*>(.*?)</th>', text)
    ]
    assert groups == ["10 images", "keep: pictures"]
    assert "<dt>done</dt>" in text and "<dt>listed</dt>" not in text, "not measured"
