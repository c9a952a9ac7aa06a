// Main module mC, a command: imports from mA and mB, exports C1 to C4; its exit status says whether they are right
// MIT license; Copyright (c) 2026 the pitwasm authors

__attribute__((import_module("mA"))) __attribute__((import_name("A1"))) extern int A1(void);
__attribute__((import_module("mB"))) __attribute__((import_name("B1"))) extern int B1(void);
__attribute__((import_module("mB"))) __attribute__((import_name("B2"))) extern int B2(void);

__attribute__((export_name("C1"))) int C1(void)
{
	return 31;
}

__attribute__((export_name("C2"))) int C2(void)
{
	return B1();
}

__attribute__((export_name("C3"))) int C3(void)
{
	return A1();
}

__attribute__((export_name("C4"))) int C4(void)
{
	return B2();
}

int C5(void)
{
	return C1() + C2() + C3() + C4();
}

int main(void)
{
	return C5() == 31 + 21 + 11 + 11 ? 0 : 1;
}
