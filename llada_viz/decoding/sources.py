"""A model with its parts, as the folders and files they are in: so that a job can load them, and the page
later again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.bundled import HEAD_FILE, Bundled
from llada_viz.decoding.recent import Recent
from models.adapters import load_adapted
from models.loading import LoadedModel
from models.reward import LoadedReward, load_reward
from models.text import token_pieces
from models.ups_head import UPSHead, load_ups_head

MOST_LOADED = 2


@dataclass(frozen=True)
class Sources:
    """Folders of model, adapter and reward model, and the head's file; "" where there is none."""

    model: str
    adapter: str = ""
    ups_head: str = ""
    prm: str = ""

    @property
    def flags(self) -> list[str]:
        """As flags of `python -m evaluation`: --model=… and so on."""
        named = {"model": self.model, "adapter": self.adapter, "ups-head": self.ups_head, "prm": self.prm}
        return [f"--{flag}={value}" for flag, value in named.items() if value]


def sources_of(using: Using, reward: str = "", head: bool = False) -> Sources:
    """The sources of what a tab decodes with.

    reward: the name of a reward model at hand, "" for none; head: whether to include the UPS head.
    """
    bundled = using.bundled if isinstance(using, Attached) else using
    folders = {}
    if isinstance(using, Attached):
        folders = {part: origin.folder for part, origin in using.origins.items()}
    head_file = folders["head"] / HEAD_FILE if "head" in folders else bundled.head_file
    prm: Path | str = ""
    if reward:
        own = isinstance(using, Attached) and using.own_reward and using.own_reward.name == reward
        prm = folders["prm"] if own else bundled.reward_folder(reward)
    return Sources(
        str(folders.get("model", bundled.folder)), str(folders.get("adapter", "")),
        str(head_file or "") if head else "", str(prm),
    )  # fmt: skip


class LoadedSources:
    """Loads sources; keeps the last few, and takes what is bundled from `bundled` instead of loading it."""

    def __init__(self, bundled: Bundled, most: int = MOST_LOADED) -> None:
        self.bundled = bundled
        self._loaded: Recent[Sources, Attached] = Recent(most)

    def of(self, sources: Sources) -> Attached:
        """Model, head and reward model. ModelError: one is not there any more, or does not fit."""
        return self._loaded.get_or_make(sources, lambda: self._load(sources))

    def _load(self, sources: Sources) -> Attached:
        loaded = self._network(sources)
        pieces = token_pieces(loaded.tokenizer) if loaded.tokenizer else []
        return Attached(
            self.bundled, loaded, pieces, self._head(sources, loaded), self._reward(sources, loaded.device)
        )

    def _network(self, sources: Sources) -> LoadedModel:
        if sources.model == str(self.bundled.folder) and not sources.adapter and self.bundled.loaded:
            return self.bundled.loaded
        device = self.bundled.loaded.device if self.bundled.loaded else "auto"
        return load_adapted(sources.model, sources.adapter, device)

    def _head(self, sources: Sources, loaded: LoadedModel) -> UPSHead | None:
        if not sources.ups_head:
            return None
        if sources.ups_head == str(self.bundled.head_file):
            return self.bundled.ups_head
        return load_ups_head(Path(sources.ups_head), loaded.model.config.d_model).to(loaded.device)

    def _reward(self, sources: Sources, device: str) -> LoadedReward | None:
        if not sources.prm:
            return None
        for name in self.bundled.rewards:
            if sources.prm == str(self.bundled.reward_folder(name)):
                return self.bundled.reward(name)
        return load_reward(sources.prm, device)
