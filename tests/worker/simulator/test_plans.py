import json

from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.faults import Faults, FaultShare


async def test_a_script_goes_before_the_faults(start):
    sender = await start("mozilla", faults=Faults(shares=(FaultShare(Fault.ERROR, 1.0),)))
    [subscription] = sender.service.subscribe()
    sender.service.script(
        subscription.endpoint, [ScriptedAnswer(503), ScriptedAnswer(429, retry_after=2), ScriptedAnswer(201)]
    )
    responses = [await sender.push(subscription) for _ in range(4)]
    assert [response.status for response in responses] == [503, 429, 201, 500]
    assert [response.headers.get("retry-after") for response in responses] == ["120", "2", None, None]
    assert json.loads(responses[0].body)["errno"] == 201
    pushes = sender.service.pushes(subscription.token)
    assert [(push.attempt, push.status, push.taken) for push in pushes] == [
        (1, 503, False),
        (2, 429, False),
        (3, 201, True),
        (4, 500, False),
    ]


async def test_sticky_faults_meet_who_the_plan_says(start):
    faults = Faults(seed=3, shares=(FaultShare(Fault.GONE, 0.3, sticky=True),))
    sender = await start("fcm", faults=faults)
    async with sender.connect() as wire:
        for subscription in sender.service.subscribe(30):
            for _ in range(2):
                wire.send(sender.request(subscription))
                planned = faults.answer(subscription.token, 1).status
                assert (await wire.response()).status == planned
    assert 0 < sender.service.stats.statuses[410] < 60
