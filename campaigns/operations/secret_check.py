"""Whether the service's secret is the one that the database belongs to."""

from campaigns.model.secrets import Keys, Purpose, SealError, Secrets, unseal, vapid_key_name
from campaigns.store.database import Connection
from campaigns.store.vapid_keys import VapidKey, newest_vapid_keys

LOOKED_AT = 20
"""Keys that are tried. Where a secret is being replaced, the newest are sealed under the new one."""


class OtherSecretError(SealError):
    """None of the newest keys can be opened: the secret belongs to another database."""


async def check_secret(connection: Connection, secrets: Secrets) -> None:
    """Check that what the service seals from now on and what it has sealed are under the same secret.

    Raises:
        OtherSecretError: They are not.
    """
    seals = secrets.keys(Purpose.SEAL)
    keys = await newest_vapid_keys(connection, LOOKED_AT)
    if keys and not any(_opens(seals, key) for key in keys):
        raise OtherSecretError(
            "PUSHMILL_CAMPAIGNS_SECRET is another than the one that the sites' keys in this database are "
            "sealed with: set that one again, or append it after a comma"
        )


def _opens(seals: Keys, key: VapidKey) -> bool:
    try:
        unseal(seals, vapid_key_name(key.name), key.sealed)
    except SealError:
        return False
    return True
