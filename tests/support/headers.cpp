// SPDX-License-Identifier: Apache-2.0
//
// headers.cpp — a program to compile precompiled.h with, as the tests are.

int main() { return 0; }
