"""Pictures for notifications: kept where a request brings one along, and served to browsers."""

from campaigns.model.picture import Picture, read_picture
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import there
from campaigns.operations.service import Service
from campaigns.store.pictures import add_picture, find_picture


async def keep_picture(scope: Scope, service: Service, body: bytes, field: str) -> str:
    """Keep a picture, and return the URL that browsers load it from.

    Args:
        scope: Who asks.
        service: What operations need.
        body: Its bytes.
        field: Where it stands in the request.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: It is none that is shown here, or too large.
    """
    scope.require(Permission.SEND)
    picture = read_picture(body, field)
    async with service.begin() as connection:
        digest = await add_picture(connection, scope.account, picture)
    return f"{service.public_url}/i/{digest.hex()}"


async def get_picture(service: Service, digest: bytes) -> Picture:
    """Return a picture that was uploaded.

    Raises:
        NotFoundError: There is none.
    """
    async with service.begin() as connection:
        return there(await find_picture(connection, digest), "picture")
