"""Several processes decode what one does, and end with the one that began them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from evaluation.runs.run_folder import RunError
from evaluation.scaling.methods import BEST_OF_N, PLAIN, VOTE
from evaluation.scaling.workers import Chunk, Decoder, Workers
from evaluation.sets.problem_sets import bundled_set
from models.loading import load
from tests.checkpoints import write_checkpoint

ROOT = Path(__file__).parents[3]
OWN = {"gen_length": 8, "block_length": 4, "steps": 8}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    shape = {"d_model": 32, "n_layers": 1, "mlp_hidden_size": 32}
    return str(write_checkpoint(tmp_path_factory.mktemp("model") / "small", sharded=False, **shape))


def chunks() -> list[Chunk]:
    problems = bundled_set("linear", 3, 5).problems
    lines = (PLAIN.line(0, 3, OWN), VOTE.line(4, 2, OWN), BEST_OF_N[1].line(4, 3, OWN))
    return [Chunk("linear", line, draw, problems) for line in lines for draw in (1, 2)]


def test_another_draw_has_other_seeds_and_plain_decoding_does_not_mind(model: str) -> None:
    decoder = Decoder(load(model, device="cpu"), 7, "", "")
    rows = [decoder.rows(chunk) for chunk in chunks()]
    texts = [[row["text"] for row in part] for part in rows]
    assert texts[0] == texts[1]  # T 0
    assert texts[2] != texts[3] and texts[4] != texts[5]
    assert [row["line"] for row in rows[3]] == [f"{chunks()[2].label} #2"] * 3
    seeds = [{row["seed"] for row in part} for part in rows]
    assert seeds[0] == seeds[2] == seeds[4] == {8, 9, 10} and not seeds[2] & seeds[3]


def test_a_chunk_of_which_nothing_can_be_decoded_ends_the_run(model: str) -> None:
    with pytest.raises(RunError, match="best_of_n, prm"):
        Decoder(load(model, device="cpu"), 7, "", model).rows(  # no reward model
            Chunk("linear", BEST_OF_N[0].line(0, 0, OWN), 1, bundled_set("linear", 1, 5).problems)
        )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_processes_decode_what_one_does(model: str) -> None:
    load_it = partial(load, model, device="cpu")
    decoder = Decoder(load_it(), 7, "", "")
    found = []
    for processes in (1, 2):
        workers = Workers(decoder, load_it, processes, 1)
        try:
            rows = [row for _, part in workers.decoded(chunks()) for row in part]
        finally:
            workers.close()
        found.append(sorted((row["line"], row["row"], row["text"], row["nfe"]) for row in rows))
    assert found[0] == found[1] and len(found[0]) == 18


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_processes_end_with_the_one_that_began_them(model: str, tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(f"""
import time
from functools import partial
from evaluation.scaling.workers import Decoder, Workers
from models.loading import load
from tests.evaluation.scaling.test_workers import chunks
if __name__ == "__main__":
    load_it = partial(load, {model!r}, device="cpu")
    workers = Workers(Decoder(load_it(), 7, "", ""), load_it, 2, 1)
    for _ in workers.decoded(chunks()):
        print(*workers._pool._processes, flush=True)
        time.sleep(600)
""")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    began = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert began.stdout is not None
    workers = [int(pid) for pid in began.stdout.readline().split()]
    began.send_signal(signal.SIGKILL)
    began.wait()
    began.stdout.close()
    assert len(workers) == 2
    deadline = time.monotonic() + 60
    while any(_runs(pid) for pid in workers):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.2)


def _runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
