"""Pure vocabulary: money, periods, splitting, books, events, deciders, errors. No I/O can be imported here."""
