from worker.records.topics import INPUTS, TIER_TOPICS, TOPICS


def test_the_broker_s_clock_decides_when_a_job_was_written_and_when_a_tier_lets_go():
    stamped = {topic.name: topic.config.get("message.timestamp.type") for topic in TOPICS}
    assert {name for name, by in stamped.items() if by == "LogAppendTime"} == {*INPUTS, *TIER_TOPICS}
    assert set(stamped.values()) == {"LogAppendTime", None}  # None is the broker's default: CreateTime
