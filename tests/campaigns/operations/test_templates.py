import pytest

from campaigns.model.problems import ConflictError, InvalidError, NotFoundError
from campaigns.operations.templates import (
    TemplateChanges,
    create_template,
    edit_template,
    get_template,
    get_templates,
    remove_template,
)
from tests.campaigns.operations.support import HELLO, LATER


async def test_a_template_is_made_changed_listed_and_removed(scope, service, site):
    made = await create_template(scope, service, site.id, "Hello", HELLO)
    other = await create_template(scope, service, site.id, "Other", HELLO)
    changed = await edit_template(
        scope, service, made.id, TemplateChanges(content={**HELLO, "body": "b"}), LATER
    )
    assert (changed.name, changed.content.body, changed.updated_at) == ("Hello", "b", LATER)
    assert await get_template(scope, service, made.id) == changed
    assert (await get_templates(scope, service, site.id, 0, 9)).items == [changed, other]
    await remove_template(scope, service, made.id)
    with pytest.raises(NotFoundError):
        await get_template(scope, service, made.id)


async def test_what_cannot_be_sent_is_no_template(scope, service, site):
    for content in ({**HELLO, "title": ""}, {**HELLO, "body": "x" * 4000}, None):
        with pytest.raises(InvalidError, match="content"):
            await create_template(scope, service, site.id, "Hello", content)
    made = await create_template(scope, service, site.id, "Hello", HELLO)
    with pytest.raises(InvalidError, match=r"content\.url"):
        await edit_template(scope, service, made.id, TemplateChanges(content={**HELLO, "url": "x"}), LATER)
    with pytest.raises(ConflictError):
        await create_template(scope, service, site.id, "Hello", HELLO)
