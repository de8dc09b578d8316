"""Decides which answer each push is to get: the one that a test has scripted, or else what the faults say."""

from collections import Counter, deque
from collections.abc import Iterable

from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.faults import Faults
from worker.simulator.subscriptions import Subscription


class Plans:
    """Counts the attempts of each subscription, and knows the answer planned for the next one."""

    def __init__(self, faults: Faults) -> None:
        self._attempts: Counter[int] = Counter()
        self._scripts: dict[int, deque[ScriptedAnswer]] = {}
        self.may_reset_early = False  # spares nearly every push a look-up before its body is read
        self.faults = faults

    @property
    def faults(self) -> Faults:
        """The fault plan; a new one takes effect with the next push."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self.may_reset_early |= any(item.fault is Fault.RESET_EARLY for item in faults.shares)

    def script(self, subscription: Subscription, answers: Iterable[ScriptedAnswer]) -> None:
        """Answer the next pushes to a subscription with these, one each, before the faults apply again."""
        self._scripts[subscription.number] = deque(answers)
        self.may_reset_early = True

    def attempts(self, subscription: Subscription) -> int:
        """Return how many pushes have come for a subscription so far."""
        return self._attempts[subscription.number]

    def coming(self, subscription: Subscription) -> ScriptedAnswer:
        """Return the answer planned for the next push to this subscription."""
        script = self._scripts.get(subscription.number)
        if script:
            return script[0]
        return self._faults.answer(subscription.token, self.attempts(subscription) + 1)

    def next(self, subscription: Subscription) -> ScriptedAnswer:
        """Take the answer planned for a push to this subscription that has come."""
        answer = self.coming(subscription)
        self._attempts[subscription.number] += 1
        script = self._scripts.get(subscription.number)
        if script:
            script.popleft()
        return answer
