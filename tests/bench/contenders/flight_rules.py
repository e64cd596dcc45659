"""What the rules that all contenders apply name."""

ENGINES = ["Turbo-fan", "Turbo-jet", "Turbo-prop", "Turbo-shaft", "Reciprocating"]
"""Those that a plane may have."""

ONCE = ["year", "month", "day", "carrier", "flight"]
"""Fields that no two flights have alike."""
