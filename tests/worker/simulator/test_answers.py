import pytest

from worker.simulator.answers import STATUSES, Fault, ScriptedAnswer, render


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_knows_whether_the_push_was_taken(fault):
    answer = ScriptedAnswer(STATUSES.get(fault, 201), fault=fault)
    lost = {Fault.RESET_EARLY, Fault.HANG, Fault.GARBAGE}
    assert answer.taken is (fault not in STATUSES and fault not in lost)
    assert (answer.seen_status == 0) is (fault in lost | {Fault.RESET_LATE})


def test_an_answer_on_the_wire():
    answer = ScriptedAnswer(429, 2.0, headers=(("X-A", "b"),), body="no")
    assert render(answer, now=0, close=False) == (
        b"HTTP/1.1 429 Too Many Requests\r\nX-A: b\r\nRetry-After: 2\r\nContent-Length: 2\r\n\r\nno"
    )
    dated = render(ScriptedAnswer(503, 60, http_date=True), now=0, close=True)
    assert b"Retry-After: Thu, 01 Jan 1970 00:01:00 GMT\r\nConnection: close\r\n" in dated
    assert b"Retry-After: 10000000\r\n" in render(ScriptedAnswer(429, 9_999_999.5), now=0, close=False)
    assert render(ScriptedAnswer(799), now=0, close=False).startswith(b"HTTP/1.1 799 Unknown\r\n")
