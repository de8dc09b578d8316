import pytest

from campaigns.model.problems import FieldProblem, InvalidError, NotFoundError, invalid, reject


def test_nothing_is_raised_where_nothing_is_wrong():
    reject(iter(()))


def test_all_problems_are_told_at_once():
    problems = (FieldProblem("title", "is empty"), FieldProblem("", "has nobody to send to"))
    with pytest.raises(InvalidError) as raised:
        reject(iter(problems))
    assert raised.value.problems == problems
    assert raised.value.detail == "title is empty; has nobody to send to"


def test_one_field_makes_an_error_of_its_own():
    assert invalid("name", "is missing").problems == (FieldProblem("name", "is missing"),)


def test_what_is_not_there_is_named():
    assert NotFoundError("site").detail == "There is no such site."
