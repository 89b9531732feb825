# The one entry to everything. `make demo` and `make test` need nothing but Python, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLOOR := .venv-floor
# The oldest Python that there is: the system's 3.10, one of pyenv's, or else whatever the rest is made with.
FLOOR_PYTHON ?= $(shell for python in python3.10 "$$(pyenv root 2>/dev/null)"/versions/3.10*/bin/python3.10 $(PYTHON); do \
	"$$python" -c "" 2>/dev/null && echo "$$python" && break; done)
# Tools keep their caches inside the tree, so that nothing is left in the home folder.
export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/$(VENV)/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export YOLO_OFFLINE := True
export YOLO_AUTOINSTALL := False
export YOLO_CONFIG_DIR := $(CURDIR)/build/ultralytics
SYSTEM_PACKAGES := systemd systemd-container mmdebstrap mosquitto openssh-server gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav chromium fonts-dejavu-core

.PHONY: help demo demo-model test test-long test-floor check format install install-dev peers system-packages clean

help: ## List what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(VENV)/installed ## Install into .venv and run the demonstration
	$(BIN)/edgekit demo

test: $(VENV)/installed-dev system-packages check test-floor ## Install for development, check and test everything
	$(BIN)/pytest -m "not long" --durations=10

test-long: $(VENV)/installed-dev system-packages ## Kills, soaks and fresh roots: what takes longer than minutes
	$(BIN)/pytest -m long --timeout=3600 --durations=10

check: $(VENV)/installed-dev ## Lint, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/installed-dev ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# No browser: what runs in it does not depend on wheels. No fleet: the box that it reaches by SSH has the system's Python.
test-floor: $(FLOOR)/installed ## The box's tests on the oldest wheels that a JetPack 6 can have
	$(FLOOR)/bin/python -m pytest -m "not long" tests/edge -p no:cacheprovider --ignore tests/edge/web/test_browser.py \
		--ignore tests/edge/flash/test_fleet.py

install: $(VENV)/installed ## The plain install: what a box has

install-dev: $(VENV)/installed-dev ## The plain install, training, compression and all tools

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/installed

$(FLOOR)/installed: pyproject.toml
	$(FLOOR_PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/pip install --quiet --disable-pip-version-check --editable '.[eval,flash,ocr]' \
		'numpy==2.2.*' 'onnxruntime==1.23.*' hypothesis jinja2 onnx openapi-spec-validator pytest pytest-timeout jsonschema
	touch $@

# Tests of brokers and network cameras want real ones; where we may not install them, their tests say so.
system-packages:
	@dpkg-query --show $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes \
				--no-install-recommends $(SYSTEM_PACKAGES) >/dev/null; \
		else echo "not root or no apt-get: tests that need these will be skipped: $(SYSTEM_PACKAGES)"; fi; }

# The bundled model, from nothing but this repository and two public sets below $(EDGEKIT_DATA). Training takes half an
# hour on two cores; the result replaces edge/demo/bundle, signed with build/demo-model/bundle.key, which is made if missing.
MODEL := build/demo-model
WEIGHTS ?= $(EDGEKIT_DATA)/weights/yolov8n-coco.pt
demo-model: $(VENV)/installed-dev ## Render, train, compress, measure and sign the bundled model anew
	@test -f "$(WEIGHTS)" || { echo "set EDGEKIT_DATA to the folder of the public sets and weights"; exit 1; }
	rm -rf $(MODEL)/sets $(MODEL)/run $(MODEL)/export $(MODEL)/int8 $(MODEL)/measured $(MODEL)/bundle
	mkdir -p $(MODEL)
	$(BIN)/edgekit data synth pictures $(MODEL)/sets/synth --count 2800 --val-share 0.0429 --belt-share 0.7 --seed 20261126
	$(BIN)/edgekit data get warehouse-boxes $(MODEL)/sets/warehouse
	$(BIN)/edgekit data get arte-lab-1d $(MODEL)/sets/arte
	$(BIN)/edgekit train detector $(MODEL)/run --set $(MODEL)/sets/synth --set $(MODEL)/sets/warehouse \
		--set $(MODEL)/sets/arte --weights $(WEIGHTS) --input-px 448 --input-height-px 256 --epochs 10 --learning-rate 0.001 \
		--plain-epochs 2 --most-pictures 1400 --freeze 2 --precision bf16 --averaged-moves 60 --effective-batch 32 --scale 0.5
	$(BIN)/edgekit train export $(MODEL)/run $(MODEL)/export --height 256 --width 448 --recipe "make demo-model"
	$(BIN)/edgekit compress quantize $(MODEL)/export/detector.onnx $(MODEL)/int8 --set $(MODEL)/sets/synth \
		--set $(MODEL)/sets/warehouse --set $(MODEL)/sets/arte --pictures 300
	test -e $(MODEL)/bundle.key || $(BIN)/edgekit bundle keygen $(MODEL)/bundle.key $(MODEL)/bundle.pub
	$(BIN)/edgekit bundle build $(MODEL)/measured $(BUILD_DEMO)
	$(BIN)/edgekit evaluate --bundle $(MODEL)/measured --trusted-key $(MODEL)/bundle.pub --set $(MODEL)/sets/synth \
		--set $(MODEL)/sets/warehouse --set $(MODEL)/sets/arte --json >$(MODEL)/evaluation.json
	$(BIN)/edgekit bundle build $(MODEL)/bundle $(BUILD_DEMO) --evaluation $(MODEL)/evaluation.json
	rm -rf edge/demo/bundle
	cp -r $(MODEL)/bundle edge/demo/bundle
	cp $(MODEL)/bundle.pub edge/demo/bundle.pub
BUILD_DEMO = --export $(MODEL)/export --int8 $(MODEL)/int8 --key $(MODEL)/bundle.key --name edgekit-demo --version 1.2.0 \
	--self-test $(MODEL)/sets/synth/images/val/synth-20261126-000862.jpg

# The bundled classifier, from nothing but this repository and a public set below $(EDGEKIT_DATA): an hour of a core for the teacher,
# half of one for what it teaches. The drawing of its self-test is the one that the bundled one has.
SHOP := build/shop-model
SHOP_RECIPE = --set $(SHOP)/set --learning-rate 0.0015 --train-px 224 --input-px 256 --precision bf16
shop-model: $(VENV)/installed-dev ## Train, compress, measure and sign the bundled classifier anew
	rm -rf $(SHOP)/set $(SHOP)/teacher $(SHOP)/student $(SHOP)/export $(SHOP)/int8 $(SHOP)/measured $(SHOP)/bundle
	mkdir -p $(SHOP)
	cp edge/demo/shop/bundle/self-test.jpg $(SHOP)/self-test.jpg
	$(BIN)/edgekit data get grocery-store $(SHOP)/set
	$(BIN)/edgekit train classifier $(SHOP)/teacher $(SHOP_RECIPE) --backbone tf_efficientnet_lite2 --drop-path 0.1 --mix 0.3 --epochs 18
	$(BIN)/edgekit train classifier $(SHOP)/student $(SHOP_RECIPE) --epochs 12 --teacher $(SHOP)/teacher
	$(BIN)/edgekit train export $(SHOP)/student $(SHOP)/export --set $(SHOP)/set
	$(BIN)/edgekit compress quantize $(SHOP)/export/classifier.onnx $(SHOP)/int8 --set $(SHOP)/set --pictures 243
	test -e $(SHOP)/bundle.key || $(BIN)/edgekit bundle keygen $(SHOP)/bundle.key $(SHOP)/bundle.pub
	$(BIN)/edgekit bundle build $(SHOP)/measured $(BUILD_SHOP) --with-fp32
	$(BIN)/edgekit evaluate --bundle $(SHOP)/measured --trusted-key $(SHOP)/bundle.pub --set $(SHOP)/set --json >$(SHOP)/evaluation.json
	$(BIN)/edgekit bundle build $(SHOP)/bundle $(BUILD_SHOP) --only onnx --evaluation $(SHOP)/evaluation.json
	rm -rf edge/demo/shop/bundle
	cp -r $(SHOP)/bundle edge/demo/shop/bundle
	cp $(SHOP)/bundle.pub edge/demo/shop/bundle.pub
BUILD_SHOP = --export $(SHOP)/export --int8 $(SHOP)/int8 --key $(SHOP)/bundle.key --name edgekit-shop --version 1.2.0 \
	--self-test $(SHOP)/self-test.jpg

# supervision asks for an OpenCV with a window system, Roboflow's inference for three OpenCVs and older engines beside some 150 packages:
# each has a venv of its own that sees all else of the development one.
PEERS := .venv-peers
INFERENCE := .venv-inference
peers: $(PEERS)/installed $(INFERENCE)/installed ## What tests/peers compares edgekit with, beside what is installed for development

$(PEERS)/installed: PACKAGES = --no-deps 'supervision==0.31.2' pydeprecate
$(INFERENCE)/installed: PACKAGES = 'inference==1.8.3'
$(PEERS)/installed $(INFERENCE)/installed: $(VENV)/installed-dev
	$(PYTHON) -m venv $(@D)
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(\"' + sysconfig.get_path('purelib') + '\")')" \
		>$$($(@D)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/development.pth
	$(@D)/bin/pip install --quiet --disable-pip-version-check $(PACKAGES)
	touch $@

clean: ## Remove everything that was built
	rm -rf $(VENV) $(FLOOR) $(PEERS) $(INFERENCE) build dist .pytest_cache .ruff_cache .hypothesis
