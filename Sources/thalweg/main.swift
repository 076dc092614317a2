import App

Launch.main()
