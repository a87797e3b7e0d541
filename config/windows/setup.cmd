@echo off
rem Connects ComfyUI, and has autocached started when you log on. Shows first what it does. setup.cmd --undo takes all of it back.
"%~dp0node.exe" "%~dp0node_modules\autocached\config\windows\setup.mjs" %*
set code=%errorlevel%
rem A double click opens a window, which would be gone before anybody has read it.
if "%~1"=="" echo %cmdcmdline% | find /i "%~nx0" >nul && pause
exit /b %code%
