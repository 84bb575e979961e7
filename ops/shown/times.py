"""How moments, days and durations are written."""

from datetime import date, datetime, tzinfo

SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))  # seconds; a unit is used from twice its length


def day(value: date) -> str:
    """Return a day as the screen writes it: 16/09/2024."""
    return f"{value:%d/%m/%Y}"


def to_the_minute(moment: datetime, zone: tzinfo) -> str:
    """Return a moment in a time zone: 16/09/2024 10:42."""
    return f"{moment.astimezone(zone):%d/%m/%Y %H:%M}"


def to_the_second(moment: datetime, zone: tzinfo) -> str:
    """Return a moment in a time zone: 16/09/2024 10:42:03."""
    return f"{moment.astimezone(zone):%d/%m/%Y %H:%M:%S}"


def time_of_day(moment: datetime, zone: tzinfo) -> str:
    """Return the time of day in a time zone, with milliseconds: 10:42:03.104."""
    return f"{moment.astimezone(zone):%H:%M:%S.%f}"[:-3]


def span(seconds: float) -> str:
    """Return a duration as one figure: 93.4 s, 95 min, 30 h, 5 d."""
    for length, unit in SPANS:
        if seconds >= 2 * length:
            return f"{seconds // length:,.0f} {unit}"
    return f"{seconds:.1f} s"
