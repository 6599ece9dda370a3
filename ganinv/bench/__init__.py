"""Speed, memory and quality, measured beside plain code and published recipes. The page that shows
them lies in `report`."""
