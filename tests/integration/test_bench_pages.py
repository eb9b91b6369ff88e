"""Every page that is measured is there, on a history that was filled in for it."""

from pathlib import Path

from bench import filling, pages


def test_every_page_is_read(tmp_path: Path) -> None:
    steps = list(filling.fill(tmp_path, 2000, 40))
    assert steps
    found = pages.run(tmp_path, 1)
    paths = [page.path for page in found]
    assert paths[: len(pages.PAGES)] == list(pages.PAGES)
    details = paths[len(pages.PAGES) :]
    assert [path.rpartition("/")[0] for path in details] == ["/dashboard/requests", "/dashboard/sessions"]
    assert all(page.size for page in found)
    assert pages.text(found).count("\n") == len(found)
