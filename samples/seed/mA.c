// Submodule mA: exports A1. A2 stays inside. (../../README.md, "Modules that import from each other")
// MIT license; Copyright (c) 2026 the pitwasm authors

__attribute__((export_name("A1"))) int A1(void)
{
	return 11;
}

int A2(void)
{
	return 12;
}
