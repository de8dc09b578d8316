"""Attributes that are announced before any subscriber has them."""

from campaigns.model.attribute import Seen, Type, name_problem
from campaigns.model.problems import invalid
from campaigns.model.scope import Permission, Scope
from campaigns.operations.finding import the_site
from campaigns.operations.service import Service
from campaigns.store.attributes import register_attributes


async def announce_attribute(scope: Scope, service: Service, site: int, name: str, kind: Type) -> None:
    """Note that a site's subscribers will have an attribute; one that they have already keeps its type.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: No attribute can have such a name.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.SEND)
    problem = name_problem(name)
    if problem:
        raise invalid("name", problem)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        await register_attributes(connection, site, {name: Seen(kind, 0)})
