module bwrt

go 1.19
