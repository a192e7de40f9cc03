"""Dates and times where Django writes them, as in the administration: 24 hours, to the second, with their zone."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "Y-m-d H:i:s T"
