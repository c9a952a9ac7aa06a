// Submodule mB: imports A1 from mA, exports B1 and B2
// MIT license; Copyright (c) 2026 the pitwasm authors

__attribute__((import_module("mA"))) __attribute__((import_name("A1"))) extern int A1(void);

__attribute__((export_name("B1"))) int B1(void)
{
	return 21;
}

__attribute__((export_name("B2"))) int B2(void)
{
	return A1();
}

int B3(void)
{
	return 23;
}
