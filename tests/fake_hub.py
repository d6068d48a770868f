"""A hub on this machine: the few answers that huggingface_hub's own client asks for, over HTTP.

Nothing of the client is replaced; it is only told another address and another cache.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants, file_download
from huggingface_hub.utils import _http, close_session

PIECE = 20_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repo:
    """files: name -> bytes, at the newest commit. older: those of earlier commits. gated: only who sends
    `token` gets files. cut: file -> bytes after which the connection is closed, every time. pace: called
    before each PIECE bytes of a file, with how many were sent."""

    files: dict[str, bytes]
    commit: str = COMMIT
    gated: bool = False
    cut: dict[str, int] = field(default_factory=dict)
    older: dict[str, dict[str, bytes]] = field(default_factory=dict)
    pace: Callable[[int], None] | None = None

    def move_on(self, commit: str, **changes: bytes) -> None:
        """A newer commit, with other files of these names (dots as __)."""
        self.older[self.commit] = self.files
        self.files = self.files | {name.replace("__", "."): data for name, data in changes.items()}
        self.commit = commit

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision; None: there is no such one."""
        if revision in ("main", self.commit):
            return self.commit, self.files
        return (revision, self.older[revision]) if revision in self.older else None


@dataclass
class FakeHub:
    """repos: id -> repository. requests: "METHOD path" of all that were made."""

    url: str
    repos: dict[str, Repo] = field(default_factory=dict)
    token: str = "hf_goodtoken"
    requests: list[str] = field(default_factory=list)

    def add(self, name: str, folder: Path, **more: Any) -> Repo:
        """A repository with the files of a folder."""
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        self.repos[name] = Repo(files, **more)
        return self.repos[name]

    def fetched(self) -> list[str]:
        """The files that were sent, in order."""
        return [r.split("/resolve/")[1].split("/", 1)[1] for r in self.requests if r.startswith("GET /") and
                "/resolve/" in r]  # fmt: skip


@contextmanager
def fake_hub(cache: Path) -> Iterator[FakeHub]:
    """A hub that the client of this process uses, with an empty cache."""
    hub = FakeHub("")
    server = _Server(("127.0.0.1", 0), lambda *a: _Answers(hub, *a))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with client_of(hub.url, cache):
            yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def client_of(url: str, cache: Path) -> Iterator[None]:
    """Another address and another cache for huggingface_hub's client; no token, no wait between tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", url)
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
        patch.delenv("HF_TOKEN", raising=False)
        for module in (_http, file_download):
            patch.setattr(module, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
        close_session()
        try:
            yield
        finally:
            close_session()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes in the middle of a file is no error here."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: FakeHub, *args: Any) -> None:
        self.hub = hub
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        repo = self.hub.repos.get(name)
        if repo is None:
            self._refuse(404, "RepoNotFound")
        elif parts[0] == "api":
            self._describe(name, repo, parts[4:])
        else:
            self._file(repo, parts[3], "/".join(parts[4:]))

    def _describe(self, name: str, repo: Repo, rest: list[str]) -> None:
        found = repo.at(rest[1] if len(rest) > 1 else "main")
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, files = found
        if rest[:1] == ["tree"]:
            listed = [
                {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for file, data in files.items()
            ]
            return self._send(json.dumps(listed).encode())
        siblings = [{"rfilename": file, "size": len(data)} for file, data in files.items()]
        about = {"id": name, "sha": commit, "siblings": siblings, "private": False, "tags": []}
        self._send(json.dumps(about).encode())

    def _file(self, repo: Repo, revision: str, file: str) -> None:
        found = repo.at(revision)
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, files = found
        if repo.gated and self.headers.get("authorization") != f"Bearer {self.hub.token}":
            return self._refuse(403, "GatedRepo")
        if file not in files:
            return self._refuse(404, "EntryNotFound", commit)
        data, start = files[file], 0
        if asked := self.headers.get("range"):
            start = int(asked.removeprefix("bytes=").split("-")[0])
        etag = hashlib.sha256(data).hexdigest()
        self._send(data, start, commit, etag, repo.cut.get(file), repo.pace)

    def _send(
        self, data: bytes, start: int = 0, commit: str = "", etag: str = "", cut: int | None = None,
        pace: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if commit:
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command == "GET":
            end = len(data) if cut is None else cut
            for place in range(start, end, PIECE):
                if pace is not None:
                    pace(place)
                self.wfile.write(data[place : min(place + PIECE, end)])
            if cut is not None:
                self.close_connection = True

    def _refuse(self, status: int, code: str, commit: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()
