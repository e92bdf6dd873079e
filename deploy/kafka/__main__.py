"""`python -m deploy.kafka`: run the broker in the foreground until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from deploy.kafka.broker import Broker, BrokerError
from deploy.kafka.jars import install, kafka_version

CACHE: Final = Path(__file__).resolve().parents[2] / ".cache"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description="Apache Kafka on loopback.")
    parser.add_argument("--port", type=int, default=9092, help="the port to listen on (default: 9092)")
    parser.add_argument("--data", type=Path, default=CACHE / "kafka" / "data", help="the folder for its data")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        _serve(arguments.data, arguments.port)
    except BrokerError as error:
        print(f"kafka: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nkafka: stopped", flush=True)
    return 0


def _serve(data: Path, port: int) -> None:
    """Return only by an exception: Ctrl-C, or the broker's end."""
    install(CACHE)
    with Broker(CACHE) as broker:
        started_at = time.monotonic()
        broker.start(data, port)
        seconds = time.monotonic() - started_at
        print(
            f"kafka: Apache Kafka {kafka_version()} serves on localhost:{broker.port} after {seconds:.1f} s "
            f"(process {broker.pid}, data in {data}; Ctrl-C stops it)",
            flush=True,
        )
        while broker.running:
            time.sleep(0.5)
        raise BrokerError(f"the broker ended by itself; see its log in {data}")


def _as_ctrl_c(_signal_number: int, _frame: FrameType | None) -> NoReturn:
    """Let SIGTERM, which a process manager sends, take the same way out as Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
