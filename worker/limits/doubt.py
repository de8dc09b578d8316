"""Which 404s and 410s are believed: one site's surge is doubted once, a wave over many while it lasts.

FCM has had waves of 404 that passed (web-push-php #224, #405); senders that believed them deleted good
subscriptions. But a single site's surge is most likely an old list, and a second look tells. Decides on
shares alone; knows nothing of what is sent, or of how a second look comes about.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from worker.limits.expiry_surge import CALM, FAST, JUMP, RECENT, SLOW, SurgeDetector, towards
from worker.push.services import PushService

SITES = 3
"""Sites with a level of their own that must be raised at once for a wave."""

SHARE_OF_SITES = 0.5
"""Share of the sites heard lately that must be raised for a wave: of many, some always have an old list."""

ENOUGH = RECENT / 2
"""Answers that a site must have had lately to have a say: with fewer it could not have noticed a wave."""

SITES_ASKED = 1000
"""Sites that are asked at most, those heard last: as many as tell a wave from a coincidence."""

LONGEST = SLOW
"""Seconds after which a wave is taken for the truth, and no other is seen for as long again."""

SITES_KEPT = 100_000
"""Maximum of sites at all push services together; beyond it, the one heard longest ago is forgotten."""


class Doubted(NamedTuple):
    """What is doubted at a time.

    Attributes:
        waves: Push services that are in a wave: all their expirations are doubted.
        surges: Sites, by push service, that are in a surge: each of their expirations is doubted once.
    """

    waves: frozenset[PushService] = frozenset()
    surges: frozenset[tuple[PushService, str]] = frozenset()


@dataclass(slots=True)
class _Wave:
    """Goes on until answers show that it is over, since silence proves nothing; or for `LONGEST`."""

    began_at: float
    level: float
    share: float
    calm: bool = False

    def note(self, answers: int, *, gone: bool, now: float) -> None:
        self.began_at = min(self.began_at, now)  # the clock was set back
        self.share = towards(self.share, float(gone), answers, RECENT)
        self.calm = self.calm or self.share - self.level < JUMP * CALM

    def lasts(self, now: float) -> bool:
        return not self.calm and now - self.began_at < LONGEST

    def forgotten(self, now: float) -> bool:
        return self.calm or now - self.began_at >= 2 * LONGEST


class Doubt:
    """What one process doubts; times are seconds of one clock."""

    def __init__(self, sites_kept: int = SITES_KEPT) -> None:
        self._sites: OrderedDict[tuple[PushService, str], SurgeDetector] = OrderedDict()
        self._sites_kept = sites_kept
        self._waves: dict[PushService, _Wave] = {}
        self._surging: set[tuple[PushService, str]] = set()

    def note(
        self, service: PushService, site: str, answers: int = 1, *, gone: bool, again: bool, now: float
    ) -> bool:
        """Note answers that came together, and decide whether to doubt them.

        Args:
            service: Who gave them.
            site: Whose subscriptions they are about.
            answers: How many.
            gone: Whether they were 404 or 410.
            again: Whether these subscriptions have been called gone, and doubted, before.
            now: Seconds.

        Returns:
            Whether they are to be asked for again, later: always false unless `gone`.
        """
        detector = self._detector(service, site)
        wave = self._lasting_wave(service, answers, gone=gone, now=now)
        if again and gone:
            if not wave:
                detector.confirm(answers)
                self._remember(service, site, detector)
            return wave
        surged = detector.surging
        detector.note(answers, gone=gone, now=now)
        self._remember(service, site, detector)
        if detector.surging and not surged and detector.known and service not in self._waves:
            wave = self._begins_wave(service, now)
        return gone and (detector.surging or wave)

    def present(self, now: float) -> Doubted:
        """Return what is doubted at present, but for sites that have not been heard for long."""
        return Doubted(
            frozenset(service for service, wave in self._waves.items() if wave.lasts(now)),
            frozenset(key for key in self._surging if now - self._sites[key].heard_at <= SLOW),
        )

    def __len__(self) -> int:
        """Return how many sites are remembered."""
        return len(self._sites)

    def _detector(self, service: PushService, site: str) -> SurgeDetector:
        key = service, site
        if key in self._sites:
            self._sites.move_to_end(key)
            return self._sites[key]
        if len(self._sites) >= self._sites_kept:
            forgotten, _ = self._sites.popitem(last=False)
            self._surging.discard(forgotten)
        return self._sites.setdefault(key, SurgeDetector())

    def _remember(self, service: PushService, site: str, detector: SurgeDetector) -> None:
        if detector.surging:
            self._surging.add((service, site))
        elif self._surging:
            self._surging.discard((service, site))

    def _lasting_wave(self, service: PushService, answers: int, *, gone: bool, now: float) -> bool:
        wave = self._waves.get(service)
        if wave is None:
            return False
        wave.note(answers, gone=gone, now=now)
        if wave.forgotten(now):
            del self._waves[service]
        return wave.lasts(now)

    def _begins_wave(self, service: PushService, now: float) -> bool:
        asked = list(self._heard_lately(service, now))
        raised = [detector for detector in asked if detector.raised]
        if len(raised) < max(SITES, SHARE_OF_SITES * len(asked)):
            return False
        level = sum(detector.level for detector in raised) / len(raised)
        self._waves[service] = _Wave(now, level, share=level + JUMP)
        return True

    def _heard_lately(self, service: PushService, now: float) -> Iterator[SurgeDetector]:
        """Yield those of the sites heard last that have a level of their own and had answers enough."""
        for (where, _), detector in islice(reversed(self._sites.items()), SITES_ASKED):
            lately = now - detector.heard_at <= FAST
            if where is service and lately and detector.known and detector.answers >= ENOUGH:
                yield detector
