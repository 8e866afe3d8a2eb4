// dxc_compile ENTRY FILE.hlsl...
//
// Compiles entry point ENTRY of each file with the libdxcompiler.so beside this program, as wgpu does on Windows on an
// adapter with f16: see compile_dxc in wgpu-hal. A line for each file, with a tab between the columns: file, `ok` or
// `error`, milliseconds, the first error. Exits 1 if a file failed, 2 if none could be tried. Built by dxc.sh.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "dxcapi.h"

int main(int argc, char **argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s ENTRY FILE.hlsl...\n", argv[0]);
        return 2;
    }
    void *library = dlopen("libdxcompiler.so", RTLD_NOW);
    auto create = library ? reinterpret_cast<DxcCreateInstanceProc>(dlsym(library, "DxcCreateInstance")) : nullptr;
    IDxcCompiler3 *compiler = nullptr;
    if (!create || FAILED(create(CLSID_DxcCompiler, __uuidof(IDxcCompiler3), reinterpret_cast<void **>(&compiler)))) {
        const char *reason = library ? nullptr : dlerror();
        std::fprintf(stderr, "%s: no compiler: %s\n", argv[0], reason ? reason : "it cannot be created");
        return 2;
    }
    const std::wstring entry(argv[1], argv[1] + std::char_traits<char>::length(argv[1]));
    LPCWSTR arguments[] = {L"-E", entry.c_str(), L"-T", L"cs_6_2", L"-HV", L"2018",
                           L"-no-warnings", L"-Ges", L"-enable-16bit-types"};
    bool failed = false;
    for (int i = 2; i < argc; i++) {
        std::ifstream file(argv[i], std::ios::binary);
        const std::string source{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        std::string message;
        bool ok = false;
        const auto start = std::chrono::steady_clock::now();
        if (!file) {
            message = "cannot be read";
        } else {
            const DxcBuffer buffer = {source.data(), source.size(), DXC_CP_UTF8};
            IDxcResult *result = nullptr;
            IDxcBlobUtf8 *errors = nullptr;
            HRESULT status = compiler->Compile(&buffer, arguments, std::size(arguments), nullptr,
                                               __uuidof(IDxcResult), reinterpret_cast<void **>(&result));
            if (SUCCEEDED(status) && result) {
                ok = SUCCEEDED(result->GetStatus(&status)) && SUCCEEDED(status);
                result->GetOutput(DXC_OUT_ERRORS, __uuidof(IDxcBlobUtf8), reinterpret_cast<void **>(&errors), nullptr);
            }
            if (!ok) {
                std::string text;
                if (errors) text.assign(errors->GetStringPointer(), errors->GetStringLength());
                text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
                // Before it stands what is no error (that nothing signs the result, notes), and of what its validator
                // refuses DXC says in a line of its own only that there is something.
                const std::string heading = "error: validation errors\n";
                const size_t validator = text.find(heading);
                if (validator != std::string::npos) text.erase(0, validator + heading.size());
                const size_t at = text.find("error:");
                const size_t line = at == std::string::npos ? 0 : text.rfind('\n', at) + 1;
                message = text.empty() ? "no message" : text.substr(line, text.find('\n', line) - line);
                std::replace(message.begin(), message.end(), '\t', ' ');
            }
            if (errors) errors->Release();
            if (result) result->Release();
        }
        const auto end = std::chrono::steady_clock::now();
        std::printf("%s\t%s\t%lld\t%s\n", argv[i], ok ? "ok" : "error",
                    static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(end - start).count()),
                    message.c_str());
        std::fflush(stdout);
        failed |= !ok;
    }
    return failed ? 1 : 0;
}
