"""`pushmill campaigns templates`."""

import json

SHOWN = ("--title", "Hello {{name|there}}", "--url", "https://shop.example/")


def test_a_template_is_added_and_listed(pushmill, added):
    site = ("--site", added["site"])
    made = pushmill.json("templates", "add", "hello", *site, *SHOWN, "--as", "pushwoosh:ABCDE-12345")
    assert list(made) == ["id", "ids"]
    assert made["ids"]["pushwoosh"] == "ABCDE-12345"
    [found] = pushmill.json("templates", "list", *site)["data"]
    assert (found["id"], found["content"]["title"]) == (made["id"], "Hello {{name|there}}")
    assert "Hello" in pushmill("templates", "list", *site)


def test_the_whole_content_may_be_given_as_json(pushmill, added):
    content = json.dumps({"title": "a", "url": "https://shop.example/", "require_interaction": True})
    pushmill("templates", "add", "whole", "--site", added["site"], "--content", content)
    told = pushmill.refused(
        "templates", "add", "whole", "--site", added["site"], "--content", content, "--title", "b"
    )
    assert told == "--content cannot be combined with --title: it is the whole notification"


def test_mistakes_are_one_line(pushmill, added):
    site = ("--site", added["site"])
    assert pushmill.refused("templates", "add", "x", *site) == "give --title and --url, or --content"
    pushmill("templates", "add", "x", *site, *SHOWN)
    assert "of this name already" in pushmill.refused("templates", "add", "x", *site, *SHOWN)
    wrong = ("--title", "a", "--url", "ftp://shop.example/")
    assert pushmill.refused("templates", "add", "y", *site, *wrong).startswith("content.url ")
