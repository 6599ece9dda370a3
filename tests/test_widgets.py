"""The quickstart's controls."""

from ganinv.widgets import InversionWidget


def test_the_quickstart_starts_from_what_is_chosen():
    widget = InversionWidget()
    assert "domain-ffhq" in widget.start.options
    assert (widget.params().init, widget.params().encoder) == ("mean_w", None)
    widget.start.value = "my_encoder.pt"
    assert (widget.params().init, widget.params().encoder) == ("encoder", "my_encoder.pt")
