from edge.mqtt.topics import Topics


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("hall", "box-1")
    assert topics.status == "edgekit/v1/hall/box-1/status"
    assert topics.camera_status("belt") == "edgekit/v1/hall/box-1/cameras/belt/status"
    assert topics.events("belt") == "edgekit/v1/hall/box-1/cameras/belt/events"
