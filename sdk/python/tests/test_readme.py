"""The code of the README works."""

import importlib.util
import pathlib
import re
import sys
import tempfile
import types
import unittest

from sedge_sdk import Model
from sedge_sdk.testing import TestContext, response

README = pathlib.Path(__file__).parent.parent / "README.md"


def blocks() -> list[str]:
    """Returns the code of the README."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


class ReadmeTest(unittest.TestCase):
    def load(self, code: str, name: str) -> types.ModuleType:
        # From a file, because the texts below fields are read from the source.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, f"{name}.py")
        path.write_text(code, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(name)
        sys.modules[name] = module
        self.addCleanup(sys.modules.pop, name, None)
        if before is not None:
            self.addCleanup(sys.modules.__setitem__, name, before)
        spec.loader.exec_module(module)
        return module

    def test_every_block_runs(self) -> None:
        found = blocks()
        self.assertGreater(len(found), 6)
        described = 0
        for at, code in enumerate(found):
            name = "plugin" if at == 0 else f"block_{at}"
            module = self.load(code, name)
            model = getattr(module, "model", None)
            if isinstance(model, Model) and at != 1:
                self.assertTrue(model.describe().name.startswith("@acme/"))
                described += 1
        self.assertGreaterEqual(described, 4)

    def test_its_test_passes(self) -> None:
        plugin, test = blocks()[:2]
        info = self.load(plugin, "plugin").model.describe()
        self.assertIn("The name of the person to greet", info.methods[0].arguments)
        self.load(test, "its_test").test_greeting_is_written()

    def test_its_thermometer_counts_lines(self) -> None:
        code = next(it for it in blocks() if "@acme/thermometer" in it)
        test = TestContext(self.load(code, "thermometer").model)
        self.assertEqual([test.run("read"), test.run("read")], [0, 1])
        test.run("prune")
        self.assertEqual(test.names(), ["report"])

    def test_its_zones_are_fetched_at_once(self) -> None:
        code = next(it for it in blocks() if "@acme/zones" in it)
        test = TestContext(self.load(code, "zones").model)
        answer = lambda it: response(json={"name": it.url[-1]}, delay=0.4)  # noqa: E731
        test.on_http("GET", "https://api.example.com/zones/*", answer)
        self.assertEqual(test.run("names"), list("01234"))
        self.assertAlmostEqual(test.clock.elapsed, 0.4)
