"""Hostile inputs and clients for the soak test: what they send, and what may come of it."""

import gzip
import io
import json
import os
import random
import shutil
import socket
import tarfile
import threading
import time
import urllib.parse

# What a worker and each of its children may allocate. The allocator reserves 1 GiB of it.
MEMORY_BYTES = 1_280 << 20
# The weights of the model that needs more.
LARGE_BYTES = 1_500 << 20
SLOW_READERS = 40


def write_inputs(place, example):
    """Writes hostile models and tables. Returns the requests for jobs with them, and the codes with which these may fail."""
    valid = {"model": example / "model", "calibration": example / "calibration.tsv"}
    inputs = []

    def model(name, code, change):
        folder = place / name
        shutil.copytree(example / "model", folder)
        change(folder)
        inputs.append(({**valid, "model": folder}, code))

    def table(name, code, content):
        path = place / name
        path.write_bytes(gzip.compress(content, 1))
        inputs.append(({**valid, "calibration": path}, code))

    model("large", "out_of_memory", with_large_weights)
    model("doubling", "invalid_tokenizer", with_doubling_tokenizer)
    model("truncated", "invalid_checkpoint", lambda folder: os.truncate(folder / "model.safetensors", 100_000))
    table("tabs.tsv.gz", "limit_exceeded", b"\t" * (15 << 20))
    table("open.csv.gz", "limit_exceeded", b'text,label\n"a' + b"b,1\n" * (8 << 20))
    return inputs


def with_large_weights(folder):
    """Adds a tensor of zeros that takes no space on the disk."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    start = len(content) - 8 - length
    header["bert.pooler.extra"] = {"dtype": "F32", "shape": [LARGE_BYTES // 4], "data_offsets": [start, start + LARGE_BYTES]}
    head = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head + content[8 + length:])
        file.truncate(file.tell() + LARGE_BYTES)


def with_doubling_tokenizer(folder):
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [double] * 40}
    path.write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


def broken_archives():
    """Returns archives that no upload may be completed with."""

    def tar(files):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as file:
            for name, content in files:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
        return archive.getvalue()

    model = [("config.json", b"{}"), ("model.safetensors", b"weights")]
    return [
        tar(model),
        tar([("a" * 2_000_000, b""), *model]),
        tar([("../config.json", b"{}"), ("/model.safetensors", b"")]),
        tar(model)[:1_100],
        b"no archive",
        random.randbytes(100_000),
    ]


class SlowReaders:
    """Connections that ask for a response and do not read it, or do not finish their request."""

    def __init__(self, address):
        self.address = address
        self.sockets = []
        self.opened = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.sockets = [socket for socket in self.sockets if self.is_open(socket)]
            while len(self.sockets) < SLOW_READERS and self.open():
                pass
            time.sleep(0.5)
        for connection in self.sockets:
            connection.close()

    def open(self):
        url = urllib.parse.urlsplit(self.address())
        try:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            connection.settimeout(2)
            connection.connect((url.hostname, url.port))
            request = f"GET {random.choice(['/openapi.yaml', '/v1/jobs?limit=100'])} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            # Half of the requests are not finished.
            connection.sendall((request + random.choice(["", "\r\n"])).encode())
        except OSError:
            return False
        self.sockets.append(connection)
        self.opened += 1
        return True

    @staticmethod
    def is_open(connection):
        """Whether the service has not closed it. Looks at the response without taking it."""
        try:
            connection.setblocking(False)
            return connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
