"""Clients that people use beside `openai`: LangChain and LiteLLM, where they are installed.

Far too much to install for every run of the tests: pip install langchain-openai litellm.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from server_support import Server

LANGCHAIN = """
import sys
from langchain_openai import ChatOpenAI
chat = ChatOpenAI(model="chatglm-demo", base_url=sys.argv[1] + "/v1", api_key="unused", temperature=0, max_retries=0)
whole = chat.invoke("What is a model licence?").content
pieces = [chunk.content for chunk in chat.stream("What is a model licence?")]
assert "".join(pieces) == whole and whole.startswith("A model license") and len(pieces) > 3, (whole, pieces)
assert chat.invoke([("system", "Be brief."), ("human", "Who are you?")]).usage_metadata["output_tokens"] > 0
"""
LITELLM = """
import sys
import litellm
litellm.suppress_debug_info = True
ask = dict(model="openai/chatglm-demo", api_base=sys.argv[1] + "/v1", api_key="unused", temperature=0,
           messages=[{"role": "user", "content": "What is a model licence?"}])
whole = litellm.completion(**ask).choices[0].message.content
pieces = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(stream=True, **ask)]
assert "".join(pieces) == whole and whole.startswith("A model license") and len(pieces) > 3, (whole, pieces)
try:
    litellm.completion(**{**ask, "model": "openai/no-such-model"})
except litellm.NotFoundError:
    pass
else:
    raise SystemExit("no such model, and no error")
"""


@pytest.mark.parametrize(("package", "script"), [("langchain_openai", LANGCHAIN), ("litellm", LITELLM)])
def test_it_talks_to_us(server: Server, package: str, script: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, server.url],
        env={"NO_PROXY": "127.0.0.1", "PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
