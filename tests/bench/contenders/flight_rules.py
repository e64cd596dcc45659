"""Constants of the rules that all contenders apply."""

ENGINES = ["Turbo-fan", "Turbo-jet", "Turbo-prop", "Turbo-shaft", "Reciprocating"]
"""The engines that a plane may have."""

ONCE = ["year", "month", "day", "carrier", "flight"]
"""The key of a flight: no two flights have the same."""
