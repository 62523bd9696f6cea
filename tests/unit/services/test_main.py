import pytest

from services.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["nosuch", "--port", "1"]])
def test_a_name_that_is_no_capability_ends_with_those_that_are(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("services: name a capability: scoring, churn, segmentation, sendtime")
