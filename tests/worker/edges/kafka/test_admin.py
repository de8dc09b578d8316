"""The administrative client, with brokers of which some are away."""

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError

from worker.edges.kafka.admin import Admin


class Broker:
    def __init__(self, number):
        self.nodeId = number


class Client:
    """Stands in for aiokafka's: a table of what each broker answers."""

    def __init__(self, answers, controllers=(None,)):
        self.answers = answers
        self.controllers = list(controllers)
        self.asked = []
        self._request_timeout_ms, self._retry_backoff = 1000, 0.0
        self.cluster = self

    def brokers(self):
        return [Broker(number) for number in self.answers]

    @property
    def controller(self):
        return None if self.controllers[0] is None else Broker(self.controllers[0])

    async def force_metadata_update(self):
        if len(self.controllers) > 1:
            self.controllers.pop(0)

    async def ready(self, node):
        return not isinstance(self.answers[node], Exception)

    async def send(self, node, _request):
        self.asked.append(node)
        answer = self.answers[node]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def admin(settings):
    def made(answers, controllers=(None,)):
        admin = Admin(settings)
        admin._client = Client(answers, controllers)
        admin._request_timeout_ms = 1000
        return admin

    return made


AWAY = [NodeNotReadyError("no"), KafkaConnectionError("no"), RequestTimedOutError()]


@pytest.mark.parametrize("away", AWAY, ids=lambda error: type(error).__name__)
async def test_any_broker_that_answers_will_do(admin, away):
    for _ in range(10):
        asked = admin({1: away, 2: away, 3: "topics"})
        assert await asked._send_request("which?") == "topics"
        assert len(asked._client.asked) == len(set(asked._client.asked))


async def test_if_none_answers_that_is_said_after_all_were_asked(admin):
    asked = admin(dict(enumerate(AWAY)))
    with pytest.raises(tuple(type(error) for error in AWAY)):
        await asked._send_request("which?")
    assert set(asked._client.asked) == {0, 1, 2}
    with pytest.raises(NodeNotReadyError):
        await admin({})._send_request("which?")


async def test_a_certain_broker_is_asked_alone(admin):
    asked = admin({1: "one", 2: "two"})
    assert await asked._send_request("which?", 2) == "two"
    assert asked._client.asked == [2]


async def test_any_other_error_is_the_answer(admin):
    asked = admin({1: ValueError("bug"), 2: ValueError("bug")})
    with pytest.raises(ValueError, match="bug"):
        await asked._send_request("which?")
    assert len(asked._client.asked) == 1


async def test_the_controller_is_looked_for_again(admin):
    asked = admin({1: AWAY[0], 2: "created"}, controllers=(None, 1, 1, 2))
    assert await asked._send_to_controller("create") == "created"
    assert asked._client.asked == [2]


async def test_without_a_controller_it_ends(admin):
    asked = admin({1: AWAY[0]}, controllers=(1,))
    asked._request_timeout_ms = 50
    with pytest.raises(TimeoutError):
        await asked._send_to_controller("create")
