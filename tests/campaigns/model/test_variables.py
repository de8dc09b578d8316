import time

import pytest

from campaigns.model.variables import filled, find, mapped, masked, names, texts


def test_variables_are_found_with_their_fallbacks():
    text = "a {{b}} {{ c | d }} {{e|}} {{f g}} {{}} {{h|i"
    assert [(match[1], match[2]) for match in find(text)] == [("b", None), ("c", " d "), ("e", "")]


def test_one_variable_is_filled_in():
    assert filled("{{a}}{{ a|x }}{{ab}}}}{{a", "a", "7") == "77{{ab}}}}{{a"


def test_a_masked_text_is_as_long():
    text = "a?{{b|#?}}#"
    assert masked(text) == "a?xxxxxxxx#"


TREE = {"{{k}}": ["{{a}}", 1, None, {"x": "{{b}}{{a|c}}"}], "y": True}


def test_json_is_walked_by_its_values():
    assert names(TREE) == {"a", "b"}
    assert [*texts(TREE)] == ["{{a}}", "{{b}}{{a|c}}"]
    assert mapped(TREE, str.upper) == {"{{k}}": ["{{A}}", 1, None, {"x": "{{B}}{{A|C}}"}], "y": True}


@pytest.mark.parametrize("hostile", ["{{a|" * 16_000, "}}" + "{{a|" * 16_000, "{{ " * 20_000, "{" * 60_000])
def test_no_text_takes_long(hostile):
    begin = time.process_time()
    assert [*find(hostile)] == []
    assert filled(hostile, "a", "x") == hostile
    assert time.process_time() - begin < 1
