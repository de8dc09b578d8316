import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.pushwoosh.tags import attribute_of, field_of, tag_of
from campaigns.model.attribute import NAME_MAX, RESERVED, name_problem

TAGS = st.text(min_size=1, max_size=8) | st.text(alphabet="_x20 ", min_size=1, max_size=8)


@given(TAGS | st.sampled_from(sorted(RESERVED)))
def test_a_tag_becomes_an_attribute_and_back(tag):
    attribute = attribute_of(tag)
    assert tag_of(attribute) == tag
    assert len(attribute) > NAME_MAX or name_problem(attribute) is None


@pytest.mark.parametrize(
    ("tag", "attribute"),
    [("Age", "Age"), ("First Name", "First_x20_Name"), ("a_b", "a_b"), ("t", "_x74_"), ("__a", "_x5f__a")],
)
def test_the_spellings(tag, attribute):
    assert attribute_of(tag) == attribute


def test_tags_of_the_platform_are_fields():
    assert (field_of("Country"), field_of("Age")) == ("country", "attribute.Age")


@given(st.text())
def test_any_attribute_is_some_tag(attribute):
    assert isinstance(tag_of(attribute), str)
