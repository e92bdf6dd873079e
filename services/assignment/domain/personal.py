"""Personal data (个人信息): how a name looks to those who have no business knowing it."""


def mask(name: str) -> str:
    """``王小明`` becomes ``王**``: the first character alone, and nothing said of how many follow."""
    return f"{name[:1]}**"
