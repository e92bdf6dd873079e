"""The errors that rules raise. A door turns each into its own kind of answer, never into silence."""


class Malformed(ValueError):
    """A value that cannot be read. Raised by parsers; whoever knows the field adds its name."""


class Refusal(Exception):
    """A rule of the business says no.

    ``rule`` names the rule in kebab case and is part of the contract; ``field`` is the path of the offending field.
    Over HTTP it becomes a 409, from the log a dead letter.
    """

    def __init__(self, rule: str, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail} ({rule})" if field else f"{detail} ({rule})")
        self.rule = rule
        self.field = field
        self.detail = detail


class NotOnRecord(Refusal):
    """A Refusal because the very thing that a command is for does not exist. Over HTTP: 404, as nothing is there."""


class Unknown(Exception):
    """What was asked for does not exist, or not for this caller. Over HTTP: 404."""


class StaleVersion(Exception):
    """The caller decided on an older version of the aggregate than the present one. Over HTTP: 412."""
