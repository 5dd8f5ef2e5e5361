module chattok

go 1.26.0
