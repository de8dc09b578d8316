import pytest

from campaigns.config import ROLES, CampaignSettings
from campaigns.roles import RUNS, command, processes


def settings(**values: object) -> CampaignSettings:
    return CampaignSettings(database_url="postgresql://db/push", secret="s" * 32, **values)


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ({}, ("api", "launcher", "scheduler", "collector", "keys")),
        ({"processes": 3}, ("api", "api", "api", "launcher", "scheduler", "collector", "keys")),
        ({"roles": "launcher"}, ("launcher",)),
        ({"roles": "scheduler,api", "processes": 2}, ("api", "api", "scheduler")),
    ],
)
def test_there_is_a_process_for_each_role(given, roles):
    assert processes(settings(**given)) == roles


def test_every_role_is_one_of_the_settings():
    assert RUNS.keys() <= {*ROLES}


def test_a_process_is_told_its_number_and_how_it_was_started():
    assert command(3, dev=False)[1:] == ("-m", "worker.cli", "campaigns", "run", "--process", "3")
    assert command(3, dev=True)[-1] == "--dev"
