"""Key agreement for eight messages at a time, on processors with the instructions for it.

Decides which messages go into lanes together, and what becomes of those that the library refuses; knows
neither how lanes work nor where the library is.
"""

from collections.abc import Sequence

from crypto.agreement.interface import Agreed
from crypto.agreement.lanes import COUNT, Fill, Lanes, Library
from crypto.agreement.openssl import OpenSSL


class Multibuffer:
    """See `Agreement`; may serve several threads, which get memory of their own."""

    name = "multibuffer"

    def __init__(self, library: Library, fill: Fill) -> None:
        self._library = library
        self._fill = fill
        self._idle: list[Lanes] = []
        self._openssl = OpenSSL()

    def agree(self, receivers: Sequence[bytes]) -> list[Agreed | None]:
        """See `Agreement.agree`."""
        lanes = self._take_lanes()
        agreed: list[Agreed | None] = []
        try:
            for first in range(0, len(receivers), COUNT):
                agreed += self._agree_together(lanes, receivers[first : first + COUNT])
        finally:
            lanes.wipe()
            self._idle.append(lanes)
        return agreed

    def _take_lanes(self) -> Lanes:
        try:
            return self._idle.pop()  # in one step, whatever other threads do
        except IndexError:
            return Lanes(self._library, self._fill)

    def _agree_together(self, lanes: Lanes, receivers: Sequence[bytes]) -> Sequence[Agreed | None]:
        """Agree with up to eight receivers; OpenSSL has the last word on each that the library refuses."""
        if len(receivers) == 1:
            return self._openssl.agree(receivers)  # cheaper than eight lanes for one message
        agreed = lanes.agree(receivers)
        if None in agreed:
            refused = [receiver for receiver, each in zip(receivers, agreed, strict=True) if each is None]
            verdicts = iter(self._openssl.agree(refused))
            return [next(verdicts) if each is None else each for each in agreed]
        return agreed
