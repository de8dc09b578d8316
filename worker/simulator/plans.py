"""Which answer each push is meant to get: what a test has scripted, else what the faults decide."""

from collections import Counter, deque
from collections.abc import Iterable

from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.faults import Faults
from worker.simulator.subscriptions import Subscription


class Plans:
    """Counts the attempts of each subscription, and knows what the next one meets."""

    def __init__(self, faults: Faults) -> None:
        self._attempts: Counter[int] = Counter()
        self._scripts: dict[int, deque[ScriptedAnswer]] = {}
        self.may_reset_early = False  # asked of every push before its body is read: mostly for nothing
        self.faults = faults

    @property
    def faults(self) -> Faults:
        """The fault plan; a new one holds from the next push on."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self.may_reset_early |= any(item.fault is Fault.RESET_EARLY for item in faults.shares)

    def script(self, subscription: Subscription, answers: Iterable[ScriptedAnswer]) -> None:
        """The next pushes to a subscription get these answers, one each, before the faults apply again."""
        self._scripts[subscription.number] = deque(answers)
        self.may_reset_early = True

    def attempts(self, subscription: Subscription) -> int:
        """Pushes that have come for a subscription so far."""
        return self._attempts[subscription.number]

    def coming(self, subscription: Subscription) -> ScriptedAnswer:
        """What the next push to this subscription will meet."""
        script = self._scripts.get(subscription.number)
        if script:
            return script[0]
        return self._faults.answer(subscription.token, self.attempts(subscription) + 1)

    def next(self, subscription: Subscription) -> ScriptedAnswer:
        """The same, for a push that has come."""
        answer = self.coming(subscription)
        self._attempts[subscription.number] += 1
        script = self._scripts.get(subscription.number)
        if script:
            script.popleft()
        return answer
