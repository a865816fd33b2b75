from pathlib import Path

import pytest

from annotator import messages
from annotator.qt.pages.augment import AugmentPage
from augment.policies import POLICIES


@pytest.fixture
def page(qtbot):
    page = AugmentPage()
    qtbot.addWidget(page)
    return page


def choose(page: AugmentPage, name: str) -> None:
    row = page.policies.findData(name)
    page.policies.setCurrentIndex(row)
    page.policies.activated.emit(row)


@pytest.mark.parametrize("name", POLICIES)
def test_built_in_policies_are_taken_as_they_are(page: AugmentPage, name: str):
    choose(page, name)
    assert page._policy() == POLICIES[name]
    assert page.operations.text()


def test_number_of_operations_can_be_changed(page: AugmentPage):
    choose(page, "rare")
    page.per_copy.setValue(5)
    assert page._policy().operations_per_copy == 5


def test_a_policy_in_a_file_is_taken_and_a_wrong_one_is_said(page: AugmentPage, tmp_path: Path):
    said = []
    stop = messages.listen(lambda message: said.append(message.text))
    path = tmp_path / "my.yaml"
    path.write_text("operations_per_copy: 1\noperations:\n  flip: {}\n")
    assert page.use_policy_file(path)
    assert page.policies.currentText() == "my.yaml" and page.operations.text() == "Drawn from: flip."
    path.write_text("operations:\n  flop: {}\n")
    assert not page.use_policy_file(path)
    assert [part for part in said if "my.yaml:2" in part and "flop" in part]
    stop()
