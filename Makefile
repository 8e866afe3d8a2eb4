# The commands of the README. Written for GNU make 3.81 too, which is what macOS has.
# On Windows, and where nothing needs to be installed, plain cargo does the same: see each target.

# Mesa's device-selection layer complains on stderr where there is no desktop session; adapters are chosen here.
export NODEVICE_SELECT ?= 1

.PHONY: help run web web-serve web-test test test-cooperative test-compilers test-compilers-all test-reports fuzz audit snippets lint setup rust clean
.NOTPARALLEL:

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1 - \2/p' Makefile

# Stdout is the report's: nothing is echoed, and cargo writes to stderr.
run: setup ## Build, then measure this machine's GPU: make run ARGS="--suite quick"
	@cargo build --release
	@"$${CARGO_TARGET_DIR:-target}/release/ridgepoint" run $(ARGS)

# Without REQUIRE_GPU a test that finds no adapter skips itself, and a machine without a driver would pass.
# The target for browsers comes from rustup, or Debian's Rust for the web; wasm-opt shrinks the program where it is installed.
web: setup ## Build the page that measures in a browser, into web/dist
	@scripts/web.sh

# Loopback is a secure place, as WebGPU wants it; node has the server.
PORT ?= 8480
web-serve: web ## Serve that page on this machine: make web-serve PORT=8480
	@node scripts/web_serve.mjs web/dist $(PORT)

# Chromium comes from Debian; SCREENSHOTS=FOLDER keeps pictures of the page.
web-test: setup ## Test that page in Chromium, on its software driver
	@scripts/test_web.sh

test: setup ## Run every test, with a GPU or a software driver required
	REQUIRE_GPU=1 cargo test --release

# Mesa 26's llvmpipe has cooperative matrices; it is unpacked into the cache, since distributions have older ones.
test-cooperative: setup ## Run the tests of matrix units on a software driver that has them
	@scripts/test_cooperative.sh

# Compilers of Intel's, AMD's, Apple's, Qualcomm's and NVIDIA's GPUs, without the GPUs: on fake devices, made in the cache.
test-compilers: setup ## Compile every chosen kernel with the compilers of other GPUs
	@scripts/test_compilers.sh

test-compilers-all: setup ## The same for more generations, and for Arm's GPUs
	@scripts/test_compilers.sh all

# Chromium, DuckDB and pandas come from Debian and into the cache; SCREENSHOTS=FOLDER keeps pictures of the pages.
test-reports: setup ## Test reports: recipes, pages in a browser, speed (ARGS="recipes pages speed")
	@scripts/test_reports.sh $(ARGS)

# Targets are operations, read_files, shader_text, shape_text and weights; cargo-fuzz comes into the cache.
fuzz: setup ## Run fuzz targets: make fuzz ARGS="shape_text 600", all for a minute each where nothing is said
	@scripts/fuzz.sh $(ARGS)

# Not in CI: its tools take many minutes to build.
audit: rust ## Check licences and sources of dependencies, and the public API against the last tag
	@scripts/audit.sh

# A snippet is text that several WGSL files share; each file holds a copy.
snippets: rust ## Write shaders/snippets/ into the WGSL files that use them
	UPDATE=1 cargo test --release --test shaders snippets

# --release throughout, so that clippy and rustdoc share one check of the dependencies.
# The library without its command line is what other crates use: it must be clean alone. Measuring (feature bench) is for
# the browser too: it is checked for wasm where that target can be had.
lint: rust ## Check formatting, clippy and documentation; warnings are errors
	cargo fmt --all --check
	cargo clippy --release --all-targets -- -D warnings
	cargo clippy --release --no-default-features --lib -- -D warnings
	cargo clippy --release -p ridgepoint-web-bindgen -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps
	@scripts/check_targets.sh wasm
	@scripts/check_package.sh

setup: rust ## On Linux, install a Vulkan driver and a C linker if there is none
	@scripts/setup.sh

clean: rust ## Remove what was built
	cargo clean

rust:
	@command -v cargo >/dev/null 2>&1 || { \
	    echo "cargo was not found: install Rust from https://rustup.rs, open a new shell, and try again" >&2; \
	    exit 1; \
	}
