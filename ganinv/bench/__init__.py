"""Speed, memory and quality, measured beside plain code and published recipes. What the page on
them shows lies in `report`."""
