"""What a broker finds in its data folder: its settings, its log file and, formatted once, its storage."""

import base64
import os
import subprocess
import uuid
from pathlib import Path

from deploy.kafka.java import BrokerError, ClassArchive, java_command


def new_log_file(data: Path) -> Path:
    """Where the next run of the broker logs. The log of the run before is kept, older ones are not."""
    path = data / "broker.log"
    if path.exists():
        path.replace(data / "broker.previous.log")
    return path


def last_lines(log_file: Path, lines: int = 40) -> str:
    """The end of a log for a person to read: undecodable bytes do not matter."""
    return "\n".join(log_file.read_bytes().decode(errors="replace").splitlines()[-lines:])


def write_properties(data: Path, port: int, controller_port: int) -> Path:
    """Write the settings of a cluster of one, anew for each start: the ports may have changed.

    The controller is named as a fixed voter, by number, so that its port is free to change on the same data.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data / "storage",
        # A mistyped topic is an error, not a new topic.
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        # Kafka's own topics: one copy, and few partitions, because each costs files and time at every start.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        # After a crash the controller refuses the broker until its earlier life times out: by default 9 s.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        # Groups of one or two consumers: waiting for more of them to join only costs time.
        "group.initial.rebalance.delay.ms": 0,
        # A quarter of the small heap would otherwise go to compaction, which only Kafka's own topics use.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    path = data / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def formatted_cluster(data: Path) -> str | None:
    """The id of the cluster that the storage was formatted for; None for new storage."""
    path = data / "storage" / "meta.properties"
    if not path.exists():
        return None
    entries = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return entries.get("cluster.id")


def format_storage(jars: Path, properties: Path) -> str:
    """Format new storage and return the random id of its cluster."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    arguments = ("format", f"--cluster-id={cluster}", f"--config={os.fspath(properties)}")
    command = java_command(jars, ClassArchive(jars).reading(), "kafka.tools.StorageTool", *arguments)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokerError(f"the storage could not be formatted:\n{(done.stdout + done.stderr).strip()}")
    return cluster
