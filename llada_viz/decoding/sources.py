"""What a tab decodes with, as sources; and sources loaded again, for the replays of a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.bundled import HEAD_FILE, Bundled
from llada_viz.decoding.networks import NETWORKS, Sources
from llada_viz.decoding.recent import Recent
from models.loading import LoadedModel
from models.reward import LoadedReward, load_reward
from models.text import token_pieces
from models.ups_head import UPSHead, load_ups_head

MOST_LOADED = 1


def sources_of(using: Using, reward: str = "", head: bool = False) -> Sources:
    """The sources of what a tab decodes with.

    reward: the name of a reward model at hand, "" for none; head: whether to include the UPS head.
    """
    bundled = using.bundled if isinstance(using, Attached) else using
    origins = using.origins if isinstance(using, Attached) else {}
    head_file = origins["head"].folder / HEAD_FILE if "head" in origins else bundled.head_file
    prm: Path | str = ""
    if reward:
        own = isinstance(using, Attached) and using.own_reward and using.own_reward.name == reward
        prm = origins["prm"].folder if own else bundled.reward_folder(reward)
    network = using.source if isinstance(using, Attached) else Sources(str(bundled.folder))
    return replace(network, ups_head=str(head_file or "") if head else "", prm=str(prm))


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
            self.bundled, loaded, pieces, self._head(sources, loaded), self._reward(sources, loaded.device),
            source=sources.network,
        )  # fmt: skip

    def _network(self, sources: Sources) -> LoadedModel:
        if sources.network == Sources(str(self.bundled.folder)) and self.bundled.loaded:
            return self.bundled.loaded
        return NETWORKS.get(sources, self.bundled.loaded.device if self.bundled.loaded else "auto")

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
