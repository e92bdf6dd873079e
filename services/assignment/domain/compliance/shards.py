"""Streams that belong to a shard as a whole, and not to a customer in it."""

SALTS = "fedbaabj"
"""One letter a shard: with it, a name with the number n falls into shard n, which is also partition n of the log,
so that partitions are worked side by side and never wait for one another."""

SHARDS = len(SALTS)


def stream_in(kind: str, shard: int) -> str:
    """The stream of a kind that lies in a shard 0 to 7."""
    return f"{kind}-{shard}{SALTS[shard]}"
