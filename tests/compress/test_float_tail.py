"""What stays in float is found in the graph: decode, DFL, last sigmoid, last convolutions; nothing before them."""

from compress.float_tail import Node, float_tail

YOLOV8_HEAD = {
    "backbone": Node("Conv", ("image",)),
    "box-conv": Node("Conv", ("backbone",)),
    "class-conv": Node("Conv", ("backbone",)),
    "logits": Node("Concat", ("box-conv", "class-conv")),
    "box-part": Node("Split", ("logits",)),
    "bins": Node("Reshape", ("box-part",)),
    "turned": Node("Transpose", ("bins",)),
    "softmax": Node("Softmax", ("turned",)),
    "dfl": Node("Conv", ("softmax",)),
    "decoded": Node("Sub", ("dfl", "anchors")),
    "sigmoid": Node("Sigmoid", ("logits",)),
    "predictions": Node("Concat", ("decoded", "sigmoid")),
}


def test_everything_after_the_last_convolutions_and_those_stay_in_float():
    assert float_tail(YOLOV8_HEAD, "predictions") == YOLOV8_HEAD.keys() - {"backbone"}


def test_a_head_without_dfl_ends_at_its_convolutions():
    nodes = {
        "backbone": Node("Convolution", ("image",)),
        "box-conv": Node("Convolution", ("backbone",)),
        "predictions": Node("Concat", ("box-conv",)),
    }
    assert float_tail(nodes, "predictions") == {"box-conv", "predictions"}


def test_a_softmax_of_attention_before_the_last_convolutions_is_quantised():
    nodes = {
        "attention": Node("Softmax", ("image",)),
        "values": Node("MatMul", ("attention",)),
        "last": Node("Conv", ("values",)),
        "predictions": Node("Sigmoid", ("last",)),
    }
    assert float_tail(nodes, "predictions") == {"last", "predictions"}
